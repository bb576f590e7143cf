"""What people do with their endpoints, and operators see of fan-outs, one function a use case."""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.contracts.errors import ChannelOff, InvalidInput, NotFound
from services.contracts.notifications import AddedEndpoint, Endpoint, EndpointKind, FanOut, NewEndpoint, PushOptions
from services.kernel import ids
from services.kernel.calls import Call
from services.notifications.push import guard, web_push, webhooks
from services.notifications.push.rules import Target
from services.notifications.push.unsubscribing import Unsubscribing
from services.notifications.store import Store


@dataclass(frozen=True)
class Directory:
    """What the use cases work with. anywhere: also plain http and private addresses may be endpoints (development)."""

    store: Store
    options: PushOptions
    unsubscribing: Unsubscribing
    anywhere: bool


def get_push_options(directory: Directory) -> PushOptions:
    return directory.options


def add_endpoint(directory: Directory, user_id: str, wish: NewEndpoint, call: Call) -> AddedEndpoint:
    call.require_person(user_id)
    _check(directory, wish)
    if directory.store.people.get(user_id).gone:
        raise NotFound("There is no such person any more.")
    at = datetime.now(UTC)
    endpoint = Endpoint(_id(user_id, wish.kind, wish.url), wish.kind, wish.url, True, at.replace(microsecond=at.microsecond // 1000 * 1000))
    secret = webhooks.new_secret() if wish.kind is EndpointKind.WEBHOOK else None
    directory.store.endpoints.put(user_id, Target(endpoint, secret or "", wish.p256dh or "", wish.auth or ""))
    return AddedEndpoint(_one(directory, user_id, endpoint.id), secret)


def list_endpoints(directory: Directory, user_id: str, call: Call) -> list[Endpoint]:
    call.require_person(user_id)
    return [target.endpoint for target in directory.store.endpoints.of(user_id)]


def remove_endpoint(directory: Directory, user_id: str, endpoint_id: str, call: Call) -> bool:
    call.require_person(user_id)
    directory.store.endpoints.remove(user_id, endpoint_id)
    return False


def enable_endpoint(directory: Directory, user_id: str, endpoint_id: str, call: Call) -> Endpoint:
    call.require_person(user_id)
    if not directory.store.endpoints.enable(user_id, endpoint_id):
        raise NotFound("There is no such endpoint.")
    return _one(directory, user_id, endpoint_id)


def unsubscribe(directory: Directory, token: str) -> bool:
    user_id = directory.unsubscribing.person(token)
    directory.store.endpoints.remove(user_id, _id(user_id, EndpointKind.EMAIL, None))
    return False


def get_fan_out(directory: Directory, fan_out_id: str, call: Call) -> FanOut:
    call.require_operator()
    found = directory.store.fan_outs.get(fan_out_id)
    if found is None:
        raise NotFound("There is no such fan-out.")
    return found


def list_fan_outs(directory: Directory, first: int, call: Call) -> list[FanOut]:
    call.require_operator()
    return directory.store.fan_outs.newest(first)


def _check(directory: Directory, wish: NewEndpoint) -> None:
    """Whether what is wished can be told. Raises InvalidInput that names the field, AddressNotAllowed, ChannelOff."""
    is_web_push = wish.kind is EndpointKind.WEB_PUSH
    for field, value in (("p256dh", wish.p256dh), ("auth", wish.auth)):
        if (value is None) is is_web_push:
            raise InvalidInput(f"{field} is for WEB_PUSH, and nothing else.", field=field)
    if (wish.url is None) is not (wish.kind is EndpointKind.EMAIL):
        raise InvalidInput("url is where to send to; EMAIL has none.", field="url")
    if wish.kind is EndpointKind.EMAIL and not directory.options.email:
        raise ChannelOff("No mail is sent here.", field="kind")
    if is_web_push and directory.options.web_push_key is None:
        raise ChannelOff("Browsers are not told here.", field="kind")
    if wish.url is not None:
        guard.place_of(wish.url, directory.anywhere)
    if wish.p256dh is not None and not web_push.is_key(wish.p256dh):
        raise InvalidInput("p256dh is not a key of P-256.", field="p256dh")


def _id(user_id: str, kind: EndpointKind, url: str | None) -> str:
    """The same place of the same person is the same endpoint."""
    return ids.derived_id("endpoint", user_id, kind.value, url or "")


def _one(directory: Directory, user_id: str, endpoint_id: str) -> Endpoint:
    for target in directory.store.endpoints.of(user_id):
        if target.endpoint.id == endpoint_id:
            return target.endpoint
    raise NotFound("There is no such endpoint.")
