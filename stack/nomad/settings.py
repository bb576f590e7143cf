"""What a job's template asks of Consul and of Nomad, to make the settings of a process: no address and no secret is written down anywhere.

Three sources, of which the later wins: Consul's KV under livedrops/settings/all, then under livedrops/settings/<job>, then the job's Nomad variable
nomad/jobs/<job>. A setting is named as in docs/architecture.md without its prefix, in small letters: "log_level". Addresses that none of them names
are those of the servers that Consul knows.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from services.kernel.topology import VHOST
from stack.nomad.text import TEMPLATES, fill
from stack.plan import OPTIONAL

KV = "livedrops/settings"
# Names in a Nomad variable that are parts of addresses.
BROKER_PASSWORD, POSTGRES_PASSWORD = "broker_password", "postgres_password"

# Addresses by server, with PLACE for host:port and USER for the broker's.
_OWN = '{{ index $own "NAME" }}'
_POSTGRES = f"postgresql://livedrops:{_OWN.replace('NAME', POSTGRES_PASSWORD)}@PLACE"
_MONGO = "mongodb://PLACE/?replicaSet=rs0"
ADDRESSES: Mapping[str, Mapping[str, str]] = {
    "rabbitmq": {"broker_url": f"amqp://USER:{_OWN.replace('NAME', BROKER_PASSWORD)}@PLACE/{VHOST}"},
    "postgres": {f"{context}_postgres_url": f"{_POSTGRES}/{context}" for context in ("orders", "products", "analytics")},
    "mongo": {f"{context}_mongo_url": _MONGO for context in ("users", "notifications", "media")},
    "redis": {"redis_url": "redis://PLACE/0"},
}
# Every process has these settings, whether it speaks to them or not (services/kernel/config.py).
_EVERYBODYS = ("rabbitmq", "redis")
# LiveDrops goes on without this server.
SEARCH = "search_elasticsearch_url"


def as_toml(name: str, broker_user: str, needs: tuple[str, ...]) -> str:
    """The template of a TOML file."""
    return _template(name, broker_user, needs, "{name} = {value}")


def as_environment(name: str, broker_user: str, needs: tuple[str, ...]) -> str:
    """The template of a file of environment variables."""
    return _template(name, broker_user, needs, "LIVEDROPS_{name}={value}", upper=True)


def _template(name: str, broker_user: str, needs: tuple[str, ...], line: str, upper: bool = False) -> str:
    def line_of(setting: str, value: str) -> str:
        return line.replace("{name}", setting).replace("{value}", value)

    def address(setting: str, url: str) -> str:
        return line_of(setting.upper() if upper else setting, f'"{url}"')

    own = line_of("{{ $name | toUpper }}" if upper else "{{ $name }}", "{{ $value | toJSON }}")
    addresses = [
        _unless_own(setting, "\n" + address(setting, url.replace("USER", broker_user).replace("PLACE", _place(server))))
        for server in dict.fromkeys((*_EVERYBODYS, *needs))
        for setting, url in ADDRESSES.get(server, {}).items()
    ]
    if OPTIONAL in needs:
        known = "\n" + address(SEARCH, "http://{{ .Address }}:{{ .Port }}")
        addresses.append(
            _unless_own(SEARCH, f'{{{{ with service "{OPTIONAL}|any" }}}}{{{{ with index . 0 }}}}{known}{{{{ end }}}}{{{{ end }}}}')
        )
    return fill(TEMPLATES / "settings.tmpl", name=name, own_line=own, addresses="\n".join(addresses))


def _place(server: str) -> str:
    return f'{{{{ template "place" "{server}" }}}}'


def _unless_own(setting: str, text: str) -> str:
    """The text where no source names this setting."""
    return f'{{{{- if not (index $own "{setting}") }}}}{text}{{{{ end }}}}'


def kv_defaults(file: Path) -> Mapping[str, str]:
    """Keys of Consul's KV and their values, as consul/settings.json has them by job."""
    by_job = msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, str]])
    return {f"{KV}/{job}/{name}": value for job, settings in by_job.items() for name, value in settings.items()}
