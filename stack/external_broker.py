"""Telling a broker that a person brought about our users, rights, exchanges and queues."""

import base64
import urllib.request
from pathlib import Path

from stack.environment import Wiring
from stack.errors import SetupError
from stack.instance import write_private
from stack.progress import Progress, step
from stack.servers.rabbitmq import definitions_text

_DEADLINE_S = 60


def define(wiring: Wiring, file: Path, progress: Progress) -> None:
    """Import the definitions through the broker's management address, or say how; nothing where the broker is ours.

    Raises SetupError where the broker refuses.
    """
    broker = wiring.settings.broker()
    if broker is None:
        return
    write_private(file, definitions_text(wiring.credentials.broker, file))
    management = wiring.settings.addresses.get("LIVEDROPS_BROKER_MANAGEMENT_URL")
    if management is None:
        progress(f"  Your broker must know LiveDrops' users and queues: rabbitmqctl import_definitions {file}")
        return
    with step(progress, "broker's definitions imported"):
        _import(f"{management.rstrip('/')}/api/definitions", f"{broker.username}:{broker.password}", file)


def _import(url: str, credentials: str, file: Path) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}
    request = urllib.request.Request(url, data=file.read_bytes(), headers=headers, method="POST")
    try:
        urllib.request.urlopen(request, timeout=_DEADLINE_S).close()
    except OSError as error:
        # HTTPError and URLError are OSErrors too.
        raise SetupError(f"The broker did not take LiveDrops' definitions at {url}: {error}") from error
