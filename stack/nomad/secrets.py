"""Which secrets each job may read: its Nomad variable holds these and no other."""

from collections.abc import Mapping

from services.contracts.rights import GATEWAY
from stack.credentials import Credentials
from stack.nomad.jobs import OPERATIONS, batches
from stack.nomad.settings import BROKER_PASSWORD, POSTGRES_PASSWORD
from stack.units import Unit

# Units that make or read no cursor.
_WITHOUT_CURSORS = frozenset({"gateway", "live", "media", "analytics-service", "analytics-events"})


def of_unit(unit: Unit, credentials: Credentials) -> dict[str, str]:
    """By the name of the setting, or of the part of an address."""
    secrets = {BROKER_PASSWORD: credentials.broker[unit.broker_user]}
    if "postgres" in unit.needs:
        secrets[POSTGRES_PASSWORD] = credentials.postgres
    if unit.name not in _WITHOUT_CURSORS:
        secrets["cursor_key"] = credentials.cursor_key
    if unit.broker_user == GATEWAY:
        secrets["jwt_key"] = credentials.jwt_key
    if unit.name == "notifications-push":
        secrets["vapid_key"] = credentials.vapid_key
    return secrets


def of_jobs(units: tuple[Unit, ...], credentials: Credentials) -> Mapping[str, Mapping[str, str]]:
    """Of every job that has any."""
    commands = {BROKER_PASSWORD: credentials.broker[OPERATIONS], POSTGRES_PASSWORD: credentials.postgres}
    return {unit.name: of_unit(unit, credentials) for unit in units} | dict.fromkeys(batches(), commands)
