"""The settings of the live unit."""

from typing import Annotated

from pydantic import Field

from gateway.settings import DoorSettings
from services.kernel.tokens import PublicKey


class LiveSettings(DoorSettings):
    # Checks access tokens and tickets; nobody can make one with it.
    jwt_public_key: PublicKey
    # Streams of one process; each costs some 30 KB and a file.
    live_connections: Annotated[int, Field(ge=1, le=100_000)] = 8_000
    # Tabs and devices of one person.
    live_connections_per_person: Annotated[int, Field(ge=1, le=100_000)] = 20
    # Many people share an address: an office, a mobile network.
    live_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    # Notices that wait for one slow client; past this it is closed, and comes back for them.
    live_letters: Annotated[int, Field(ge=8, le=10_000)] = 256
    # A line that is silent for longer is cut by some proxies.
    live_heartbeat_s: Annotated[float, Field(gt=0, le=60)] = 15.0
    # How often is looked for what Redis did not bring.
    live_look_every_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    # A client that takes nothing for so long has gone.
    live_stuck_s: Annotated[float, Field(gt=0, le=600)] = 30.0
