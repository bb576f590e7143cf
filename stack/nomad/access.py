"""Who may ask Consul for what, and who may talk to whom, from what each unit needs (stack/units.py)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.instance import CLONE
from stack.plan import GATEWAY, LIVE, MEDIA
from stack.units import Unit

CONSUL = CLONE / "consul"
# Roles of tasks: all units read settings and addresses and nothing else; the ingress asks over DNS.
UNITS_ROLE = "livedrops-units"
MONITORING = "monitoring"
# Of the job that watches.
MONITORING_ROLE = "livedrops-monitoring"
# Looked at every second, and out of the ingress before they stop.
BEHIND_INGRESS = (GATEWAY, MEDIA, LIVE)
_HEADER = "# Made by `make jobs` from stack/units.py: changes belong there.\n\n"


def rendered(units: Sequence[Unit]) -> dict[Path, str]:
    """Every generated file of consul/ and its text."""
    # What the autoscaler asks is found the same way.
    files = {CONSUL / "policies" / "units.hcl": units_policy([*_stores(units), "prometheus"])}
    return files | {CONSUL / "intentions" / f"{name}.hcl": intentions(name, sources) for name, sources in talks(units).items()}


def talks(units: Sequence[Unit]) -> dict[str, list[str]]:
    """Who may open connections to whom: sources by destination."""
    to_stores = {store: sorted(unit.name for unit in units if store in unit.needs) for store in _stores(units)}
    return to_stores | {name: ["ingress"] for name in BEHIND_INGRESS}


def _stores(units: Sequence[Unit]) -> list[str]:
    return sorted({server for unit in units for server in unit.needs})


def units_policy(stores: Sequence[str]) -> str:
    """Read settings, and where the stores are."""
    blocks = ['key_prefix "livedrops/" {\n  policy = "read"\n}']
    blocks += [f'service "{store}" {{\n  policy = "read"\n}}' for store in stores]
    blocks.append('# Addresses are told with the machine that they are on.\nnode_prefix "" {\n  policy = "read"\n}')
    return _HEADER + "\n\n".join(blocks) + "\n"


def intentions(destination: str, sources: Sequence[str]) -> str:
    """Nobody but these talks to it."""
    allowed = "".join(f'  {{\n    Name   = "{source}"\n    Action = "allow"\n  }},\n' for source in sources)
    return f'{_HEADER}Kind = "service-intentions"\nName = "{destination}"\n\nSources = [\n{allowed}  {{\n    Name   = "*"\n    Action = "deny"\n  }},\n]\n'


def policies(folder: Path = CONSUL / "policies") -> Mapping[str, str]:
    """Rules of each policy, by its name in Consul."""
    return {f"livedrops-{file.stem}": file.read_text() for file in sorted(folder.glob("*.hcl"))}
