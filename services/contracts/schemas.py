"""The contracts as JSON Schema (2020-12): python -m services.contracts.schemas writes docs/contracts/.

One file a service (each RPC's parameters and result), one for the events, one for the codes of errors. The folder released/
holds them as they were last released; `python -m services.contracts.schemas --release` moves it on.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from services.contracts.analytics import Analytics
from services.contracts.errors import BY_CODE
from services.contracts.events import PAYLOADS, Event
from services.contracts.notifications import Notifications
from services.contracts.orders import Orders
from services.contracts.products import Products
from services.contracts.search import Search
from services.contracts.signatures import signatures
from services.contracts.users import Users

FOLDER = Path(__file__).parents[2] / "docs" / "contracts"
RELEASED = FOLDER / "released"
PUBLIC_SCHEMA = Path(__file__).parents[2] / "gateway" / "schema.graphql"
SERVICES: dict[str, type] = {
    "orders": Orders,
    "products": Products,
    "search": Search,
    "users": Users,
    "notifications": Notifications,
    "analytics": Analytics,
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, dict[str, Any]]:
    """Every document by file name."""
    made = {f"{name}.json": _service(name, protocol) for name, protocol in SERVICES.items()}
    return made | {"events.json": _events(), "errors.json": _errors()}


def _service(name: str, protocol: type) -> dict[str, Any]:
    rpcs = signatures(protocol)
    kinds = [kind for rpc in rpcs.values() for kind in (rpc.parameters, rpc.result)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    pairs = iter(schemas)
    methods = {rpc.name: {"summary": rpc.summary, "parameters": next(pairs), "result": next(pairs)} for rpc in rpcs.values()}
    return {"$schema": _DIALECT, "title": f"RPC of the {name} service", "methods": methods, "$defs": components}


def _events() -> dict[str, Any]:
    schemas, components = msgspec.json.schema_components([Event, *PAYLOADS.values()], ref_template="#/$defs/{name}")
    data = dict(zip(PAYLOADS, schemas[1:], strict=True))
    return {
        "$schema": _DIALECT,
        "title": "Events on the exchange livedrops.events",
        "envelope": schemas[0],
        "data": data,
        "$defs": components,
    }


def _errors() -> dict[str, Any]:
    return {"$schema": _DIALECT, "title": "Codes of errors", "codes": {code: kind.sentence for code, kind in sorted(BY_CODE.items())}}


def text_of(document: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2).decode() + "\n"


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (folder / name).write_text(text_of(document))


if __name__ == "__main__":
    write(FOLDER)
    if "--release" in sys.argv[1:]:
        write(RELEASED)
        shutil.copy(PUBLIC_SCHEMA, RELEASED)
