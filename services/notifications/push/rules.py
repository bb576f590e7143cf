"""The rules of pushing: what is delivered to whom, what an answer means, and when an endpoint has failed for too long. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit

from services.contracts.notifications import Channel, Endpoint, EndpointKind, Notice, NoticeKind, Preferences

# What everybody is told, and a creator can be muted for.
BROADCAST_KINDS = frozenset({NoticeKind.DROP_STARTED, NoticeKind.DROP_LOW_STOCK, NoticeKind.DROP_SOLD_OUT})
# Nobody waits for what happened longer ago. Deliveries are remembered for as long, so none is made twice.
DELIVERED_KEPT = timedelta(days=7)
# A receiver may ask for patience, but not for more than this.
MOST_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Target:
    """An endpoint with all that is needed to send to it. failures: in a row, since failing_since."""

    endpoint: Endpoint
    secret: str = ""
    p256dh: str = ""
    auth: str = ""
    failures: int = 0


@dataclass(frozen=True)
class Task:
    """One delivery: this notice to this person's endpoint. chunk_id: in which it is counted."""

    id: str
    user_id: str
    target: Target
    notice: Notice
    chunk_id: str | None = None


class Verdict(Enum):
    """AGAIN: try later. REFUSED: trying this again makes no sense. GONE: nothing will ever arrive there."""

    DELIVERED = "DELIVERED"
    AGAIN = "AGAIN"
    REFUSED = "REFUSED"
    GONE = "GONE"


class Answer(NamedTuple):
    """What came of a try. after_s: how long the receiver asks for patience. ours: the fault is on our side, and not the endpoint's."""

    verdict: Verdict
    reason: str = ""
    after_s: float = 0.0
    ours: bool = False


class Patience(NamedTuple):
    """An endpoint is switched off after `longest` without a success; after many failures in a row already past `shortest`."""

    longest: timedelta
    shortest: timedelta
    many: int


def wants(preferences: Preferences, notice: Notice, kind: EndpointKind) -> bool:
    """Whether somebody wants to be told of this over this channel."""
    if notice.kind in BROADCAST_KINDS and notice.creator_id in preferences.muted_creators:
        return False
    channel = Channel(kind.value)
    return not any(muted.kind is notice.kind and muted.channel is channel for muted in preferences.muted)


def answer_of(status: int, kind: EndpointKind, after_s: float = 0.0) -> Answer:
    """What an HTTP status means."""
    reason = f"The receiver answered {status}."
    if 200 <= status < 300:
        return Answer(Verdict.DELIVERED)
    if status == 410 or (status == 404 and kind is EndpointKind.WEB_PUSH):  # RFC 8030, section 7.3
        return Answer(Verdict.GONE, reason)
    if status in (408, 425, 429) or status >= 500:
        return Answer(Verdict.AGAIN, reason, min(after_s, MOST_PATIENCE_S))
    return Answer(Verdict.REFUSED, reason)


def is_exhausted(failures: int, since: datetime, now: datetime, patience: Patience) -> bool:
    """Whether an endpoint that has failed so often since then is to be switched off."""
    failing = now - since
    return failing >= patience.longest or (failures >= patience.many and failing >= patience.shortest)


def name_of(endpoint: Endpoint) -> str:
    """An endpoint as its owner knows it."""
    return urlsplit(endpoint.url).netloc if endpoint.url else "your e-mail address"


def event_type(kind: NoticeKind) -> str:
    """As receivers know it: drop.started, order.confirmed, endpoint.disabled."""
    subject, _, rest = kind.value.lower().partition("_")
    return f"{subject}.{rest}"


def title(notice: Notice) -> str:
    """One line for people."""
    return _TITLES[notice.kind].format(name=notice.name)


def text(notice: Notice) -> str:
    """What there is to say beside the title; empty where there is nothing."""
    if notice.reason:
        return notice.reason
    if notice.kind is NoticeKind.DROP_LOW_STOCK:
        return f"{notice.available} of {notice.total} are left."
    if notice.kind in (NoticeKind.ORDER_CONFIRMED, NoticeKind.ORDER_CANCELLED):
        return f"Quantity: {notice.quantity}"
    return ""


_TITLES: Mapping[NoticeKind, str] = {
    NoticeKind.DROP_STARTED: "{name} has started",
    NoticeKind.DROP_LOW_STOCK: "{name} is nearly sold out",
    NoticeKind.DROP_SOLD_OUT: "{name} is sold out",
    NoticeKind.ORDER_CONFIRMED: "Your order of {name} is confirmed",
    NoticeKind.ORDER_CANCELLED: "Your order of {name} was cancelled",
    NoticeKind.ENDPOINT_DISABLED: "Nothing arrives at {name}, so it was switched off",
}


def tasks_for(
    notice: Notice, targets: Mapping[str, Sequence[Target]], preferences: Mapping[str, Preferences | None], chunk_id: str | None
) -> list[Task]:
    """What is to be delivered of a notice. targets: by person. preferences: None for who is gone."""
    found = list[Task]()
    for user_id, theirs in targets.items():
        wishes = preferences.get(user_id, Preferences())
        for target in theirs:
            if wishes is not None and wants(wishes, notice, target.endpoint.kind):
                found.append(Task(_delivery_id(notice, target), user_id, target, notice, chunk_id))
    return found


def _delivery_id(notice: Notice, target: Target) -> str:
    """The same for every try: receivers tell repeats by it."""
    return f"{notice.id}_{target.endpoint.id}"
