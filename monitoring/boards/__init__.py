"""Dashboards, described once: our own pages (monitoring/pages, served by Prometheus itself) and Grafana's JSON are made from this."""

from monitoring.boards.definitions import BOARDS
from monitoring.boards.grafana import grafana_json
from monitoring.boards.page import page_json


def grafana_files() -> dict[str, str]:
    """By name, for Grafana's provisioning or its import."""
    return {f"{board.name}.json": grafana_json(board) for board in BOARDS}


def page_files() -> dict[str, str]:
    return {"boards.json": page_json(BOARDS)}
