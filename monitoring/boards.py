def grafana_files() -> dict[str, str]:
    return {}


def page_files() -> dict[str, str]:
    return {}
