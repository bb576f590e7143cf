"""Notifications: the payloads and the Protocol of the notifications service: what people are told, and what they want to be told.

A personal note is for one person. A broadcast is one document for all who follow a creator or asked to be reminded of a drop; it is merged into
each of their inboxes when they read. Both are numbered without gaps: personal notes for each person, broadcasts for all together. A position in
a person's stream is a pair of these numbers, the highest that were seen, so a reader who comes back misses nothing and sees nothing twice.
"""

from enum import StrEnum
from typing import Annotated, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from .users import UserIds
from .values import Cursor, DropId, EndpointId, Instant, OrderId, PageSize, Units, UserId

NoticeId = Annotated[
    str,
    Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", description="The id of the event that it tells of."),
]
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1)]
# What was seen: "<number of the last personal note>-<number of the last broadcast>".
Position = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})$", description="A place in a person's stream.")]
NoticeIds = Annotated[list[NoticeId], Meta(min_length=1, max_length=100)]
PeopleIds = Annotated[list[UserId], Meta(min_length=1, max_length=1000)]
# A person who mutes more creators than this follows too many.
MutedCreators = Annotated[list[UserId], Meta(max_length=200)]
BatchSize = Annotated[int, Meta(ge=1, le=500)]


# 2,000 characters fit every browser vendor's subscription; printable ASCII, as a URL is.
EndpointUrl = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[\x21-\x7e]+$")]
# A point of P-256, uncompressed, and 16 bytes, both in base64url (RFC 8291).
SubscriptionKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{87}=?$")]
SubscriptionSecret = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}(==)?$")]
# More places than this nobody reads.
MOST_ENDPOINTS = 10


class Place(NamedTuple):
    """A position as two numbers: of the last personal note that was seen, and of the last broadcast."""

    personal: int
    broadcasts: int

    @classmethod
    def of(cls, position: str) -> "Place":
        personal, _, broadcasts = position.partition("-")
        return cls(int(personal), int(broadcasts))

    def position(self) -> str:
        return f"{self.personal}-{self.broadcasts}"

    def at_most(self, end: "Place") -> "Place":
        """Of both the lower numbers."""
        return Place(min(self.personal, end.personal), min(self.broadcasts, end.broadcasts))


class NoticeKind(StrEnum):
    """ENDPOINT_DISABLED: an endpoint of the person's own failed for long and was switched off."""

    DROP_STARTED = "DROP_STARTED"
    DROP_LOW_STOCK = "DROP_LOW_STOCK"
    DROP_SOLD_OUT = "DROP_SOLD_OUT"
    ORDER_CONFIRMED = "ORDER_CONFIRMED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ENDPOINT_DISABLED = "ENDPOINT_DISABLED"


class Channel(StrEnum):
    """How a person is reached. The inbox itself can't be switched off."""

    LIVE = "LIVE"
    WEBHOOK = "WEBHOOK"
    EMAIL = "EMAIL"
    WEB_PUSH = "WEB_PUSH"


class EndpointKind(StrEnum):
    """Where a person is told who is away. Each kind is the channel of the same name."""

    WEBHOOK = "WEBHOOK"
    EMAIL = "EMAIL"
    WEB_PUSH = "WEB_PUSH"


class Notice(msgspec.Struct, frozen=True):
    """What is told. at: when it happened. name: of the drop, or of the endpoint. Fields that a kind does not have are null."""

    id: NoticeId
    kind: NoticeKind
    at: Instant
    name: str
    creator_id: UserId | None = None
    drop_id: DropId | None = None
    order_id: OrderId | None = None
    quantity: Units | None = None
    available: Units | None = None
    total: Units | None = None
    reason: str | None = None


class Notification(msgspec.Struct, frozen=True):
    """A notice as one person has it. number: of the personal note, or of the broadcast."""

    notice: Notice
    personal: bool
    number: Sequence
    read: bool


class NotificationPage(msgspec.Struct, frozen=True):
    """Newest first. next: the cursor of the page behind it, null at the end. unread: up to 100; more are told as 100."""

    notifications: list[Notification]
    next: Cursor | None
    unread: Units


class Replay(msgspec.Struct, frozen=True):
    """What came after a position, oldest first. position: behind the last of them. more: whether there is still more after it."""

    notifications: list[Notification]
    position: Position
    more: bool


class Broadcast(msgspec.Struct, frozen=True):
    """One notice for many, and its number among all broadcasts, which has no gaps."""

    number: Sequence
    notice: Notice


class BroadcastPage(msgspec.Struct, frozen=True):
    """Broadcasts in the order of their numbers. last: the number of the newest one that there is."""

    broadcasts: list[Broadcast]
    last: Sequence


class Muted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This kind is not told over this channel."""

    kind: NoticeKind
    channel: Channel


class Preferences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person does not want. Everything is told unless it is here. muted_creators: their drops are told over no channel."""

    muted: Annotated[list[Muted], Meta(max_length=24)] = []
    muted_creators: MutedCreators = []


class NewEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """url: of a webhook, or of a browser's subscription; EMAIL has none, it goes to the person's own address.

    p256dh, auth: the keys of a browser's subscription, as PushSubscription.toJSON() has them.
    """

    kind: EndpointKind
    url: EndpointUrl | None = None
    p256dh: SubscriptionKey | None = None
    auth: SubscriptionSecret | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """Where a person wants to be told. failing_since: where nothing arrives. disabled_reason: where it was switched off for that."""

    id: EndpointId
    kind: EndpointKind
    url: str | None
    enabled: bool
    created_at: Instant
    failing_since: Instant | None = None
    disabled_reason: str | None = None


class AddedEndpoint(msgspec.Struct, frozen=True):
    """secret: of a webhook, by which its messages are checked (Standard Webhooks); shown this once."""

    endpoint: Endpoint
    secret: str | None = None


class PushOptions(msgspec.Struct, frozen=True):
    """web_push_key: applicationServerKey of a browser's subscription, null where web push is off. email: whether mail is sent here."""

    web_push_key: str | None
    email: bool


class FanOutState(StrEnum):
    """PLANNING: its people are being cut into chunks. CANCELLED: its drop was; nothing more is sent."""

    PLANNING = "PLANNING"
    DELIVERING = "DELIVERING"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class FanOut(msgspec.Struct, frozen=True):
    """What becomes of one broadcast on its way to those who are away.

    people: in its chunks, as planned. looked_at: whose endpoints were looked up. delivered, failed: for good. retried: handed on to be
    tried again, less those that arrived then. What a worker had not written down when it died is missing in these counts, never in what is sent.
    """

    id: NoticeId
    notice: Notice
    state: FanOutState
    begun_at: Instant
    people: Units
    chunks: Units
    chunks_done: Units
    looked_at: Units
    delivered: Units
    failed: Units
    retried: Units


class LiveInterests(msgspec.Struct, frozen=True):
    """What a live connection of one person needs: where their stream is now, and which broadcasts are for them.

    creator_ids: whom they follow and have not muted. drop_ids: those they asked to be reminded of. muted: kinds they do not want live.
    """

    position: Position
    creator_ids: list[UserId]
    drop_ids: list[DropId]
    muted: list[NoticeKind]


class Notifications(Protocol):
    """The notifications service."""

    def list_notifications(
        self, *, user_id: UserId, first: PageSize = 20, after: Cursor | None = None, unread_only: bool = False
    ) -> NotificationPage:
        """A person's inbox, newest first: personal notes and the broadcasts of whom they follow. Raises InvalidInput, Forbidden."""

    def count_unread(self, *, user_id: UserId) -> Units:
        """Up to 100; more are told as 100. Raises Forbidden."""

    def mark_read(self, *, user_id: UserId, notice_ids: NoticeIds) -> Units:
        """These are read; unknown ones are no error. Answers how many are unread now. Raises Forbidden."""

    def mark_all_read(self, *, user_id: UserId) -> Units:
        """All that there are now are read. Answers how many are unread now. Raises Forbidden."""

    def get_preferences(self, *, user_id: UserId) -> Preferences:
        """Those of a person; the default where none were set. Raises Forbidden."""

    def set_preferences(self, *, user_id: UserId, preferences: Preferences) -> Preferences:
        """Replace them. Raises Forbidden."""

    def remind(self, *, user_id: UserId, drop_id: DropId) -> bool:
        """Tell this person of the drop, whether they follow its creator or not; again is no error. Raises NotFound, Ended, Forbidden."""

    def forget_reminder(self, *, user_id: UserId, drop_id: DropId) -> bool:
        """Not any more; again is no error. Answers False. Raises Forbidden."""

    def are_reminded(self, *, user_id: UserId, drop_ids: Annotated[list[DropId], Meta(min_length=1, max_length=100)]) -> list[bool]:
        """Whether the person asked to be reminded of each of these, in the order asked. Raises Forbidden."""

    def replay(self, *, user_id: UserId, after: Position, first: BatchSize = 100) -> Replay:
        """What the person's stream has after this position, oldest first, without what they do not want live. Raises Forbidden."""

    def get_live_interests(self, *, user_ids: UserIds) -> list[LiveInterests]:
        """Of people who have live connections, in the order asked. Raises Forbidden for a person."""

    def list_broadcasts(self, *, after: Sequence, first: BatchSize = 100) -> BroadcastPage:
        """Those after this number, for the live process that may have missed some. Raises Forbidden for a person."""

    def last_numbers(self, *, user_ids: PeopleIds) -> list[Sequence]:
        """The number of each one's last personal note, 0 where there is none, in the order asked. Raises Forbidden for a person."""

    def get_push_options(self) -> PushOptions:
        """What there is here beside webhooks."""

    def add_endpoint(self, *, user_id: UserId, endpoint: NewEndpoint) -> AddedEndpoint:
        """Tell this person here, too. The same place again is the same endpoint, switched on, with a new secret.

        Raises InvalidInput, AddressNotAllowed, ChannelOff, TooManyEndpoints, NotFound (the person is gone), Forbidden.
        """

    def list_endpoints(self, *, user_id: UserId) -> list[Endpoint]:
        """Of a person, oldest first; at most MOST_ENDPOINTS. Raises Forbidden."""

    def remove_endpoint(self, *, user_id: UserId, endpoint_id: EndpointId) -> bool:
        """Tell them here no more; again is no error. Answers False. Raises Forbidden."""

    def enable_endpoint(self, *, user_id: UserId, endpoint_id: EndpointId) -> Endpoint:
        """Switch an endpoint on again that failed. Raises NotFound, Forbidden."""

    def unsubscribe(self, *, token: Cursor) -> bool:
        """End the mails to whom the token was sent in one; whoever has it may. Again is no error. Answers False. Raises InvalidInput."""

    def get_fan_out(self, *, fan_out_id: NoticeId) -> FanOut:
        """How far a broadcast is. For operators. Raises NotFound, Forbidden."""

    def list_fan_outs(self, *, first: PageSize = 20) -> list[FanOut]:
        """The newest. For operators. Raises Forbidden."""
