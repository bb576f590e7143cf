"""The settings of the gateway."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from services.kernel.config import Address, Settings
from services.kernel.tokens import PublicKeys, key_bytes


def _seed(value: SecretStr) -> SecretStr:
    try:
        key_bytes(value.get_secret_value())
    except ValueError as error:
        raise ValueError("must be 32 random bytes in base64url") from error
    return value


class DoorSettings(Settings):
    """What every process has that clients speak to: whom it believes, and how much of GraphQL one request may ask."""

    jwt_issuer: str = "livedrops"
    # Public keys whose tokens hold beside the one in use, with commas between them: while keys are changed.
    jwt_other_public_keys: PublicKeys = ""
    # Behind our ingress, which sets X-Forwarded-For itself, its last entry is the client. Anybody else could lie.
    trust_forwarded_for: bool = True
    introspection: bool = True
    max_body_bytes: Annotated[int, Field(ge=1024, le=10_000_000)] = 64 * 1024
    max_depth: Annotated[int, Field(ge=2, le=50)] = 12
    max_aliases: Annotated[int, Field(ge=0, le=1000)] = 15
    max_tokens: Annotated[int, Field(ge=50, le=100_000)] = 1_000
    max_cost: Annotated[int, Field(ge=10, le=1_000_000)] = 5_000


class GatewaySettings(DoorSettings):
    # The seed of the Ed25519 key that signs access tokens; the same for all gateways.
    jwt_key: Annotated[SecretStr, AfterValidator(_seed)]
    access_token_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    # Threads that answer requests. Orders in flight are bounded below this, so that reads always find one.
    threads: Annotated[int, Field(ge=8, le=1024)] = 160
    orders_in_flight: Annotated[int, Field(ge=1, le=1000)] = 112
    orders_in_flight_per_drop: Annotated[int, Field(ge=1, le=1000)] = 96
    # Where pictures come from: the page in the browser may load them from there and from nowhere else.
    media_base_url: Address = "/media"
    graphiql: bool | None = None
    # Points a second and points at once. A read costs a point and more, an order five, a sign-in twenty.
    person_points_per_s: Annotated[float, Field(gt=0)] = 50.0
    person_points_burst: Annotated[int, Field(ge=1)] = 200
    # Reports of views and refusals that wait for analytics to come back: at two a minute and more, some minutes' worth.
    sightings_waiting: Annotated[int, Field(ge=1, le=10_000)] = 100
    # Many people share an address: an office, a mobile network.
    address_points_per_s: Annotated[float, Field(gt=0)] = 1_000.0
    address_points_burst: Annotated[int, Field(ge=1)] = 4_000

    def shows_graphiql(self) -> bool:
        return self.graphiql if self.graphiql is not None else self.env == "development"
