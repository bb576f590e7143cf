"""Errors that cross a border.

LiveDropsError                      anything that a caller can be told
├── InvalidInput                    the request can't be understood or breaks a bound
│   ├── CannotFollowSelf
│   ├── VersionMissing              a change must say which version it is a change of
│   ├── UploadTooLarge
│   ├── TypeNotAllowed              no kind of file that is taken in
│   ├── ChecksumMismatch            these are not the bytes that were sent
│   ├── TusVersionMismatch
│   └── AddressNotAllowed           nothing is sent to addresses like this one
├── Unauthenticated                 nobody is signed in, or the sign-in does not hold
├── Forbidden                       signed in, but not allowed
├── NotFound
│   └── UploadGone                  it was ended, it ran out or its file was rejected
├── MediaRejected                   a file that came in whole, and is not what is taken in: data.reason
├── Conflict                        the request contradicts what is stored
│   ├── IdempotencyKeyReused
│   ├── EmailTaken
│   ├── StaleVersion                somebody changed it since it was read
│   ├── OffsetMismatch              the upload goes on at another place: ask for it
│   ├── UploadTaken                 another request goes on with this upload
│   ├── TooManyEndpoints
│   ├── ChannelOff                  nobody is told over this channel here
│   └── DropFixed                   this can't be changed any more once the drop is live
├── OrderRefused                    the rules of the sale say no
│   ├── NotStarted
│   ├── Ended
│   ├── SoldOut
│   ├── InsufficientStock
│   └── LimitReached
├── Unavailable                     try again later; nothing is known to be wrong with the request
│   ├── Busy
│   ├── RateLimited
│   └── DeadlineExceeded            the outcome is unknown: repeat with the same key
└── Internal                        our fault; details are in the log under the correlation id

An error travels as its code, a sentence for people and data for programs; `from_wire` makes it an
instance again. Nothing is told apart by its text.
"""

from typing import Any, ClassVar, TypedDict


class WireError(TypedDict):
    """An error as it travels."""

    code: str
    message: str
    data: dict[str, Any]


class LiveDropsError(Exception):
    """Root of everything a caller can be told."""

    code: ClassVar[str] = "INTERNAL"
    sentence: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, message: str | None = None, **data: Any) -> None:
        self.message = message or self.sentence
        self.data = data
        super().__init__(self.message)

    def to_wire(self) -> WireError:
        return {"code": self.code, "message": self.message, "data": self.data}


class InvalidInput(LiveDropsError):
    code = "INVALID_INPUT"
    sentence = "The request can't be understood."


class CannotFollowSelf(InvalidInput):
    code = "CANNOT_FOLLOW_SELF"
    sentence = "Nobody can follow themselves."


class VersionMissing(InvalidInput):
    code = "VERSION_MISSING"
    sentence = "Say which version you have read."


class UploadTooLarge(InvalidInput):
    code = "UPLOAD_TOO_LARGE"
    sentence = "The file is larger than files of its kind may be."


class TypeNotAllowed(InvalidInput):
    code = "TYPE_NOT_ALLOWED"
    sentence = "Files of this type are not taken in."


class ChecksumMismatch(InvalidInput):
    code = "CHECKSUM_MISMATCH"
    sentence = "What arrived is not what was sent. Send it again."


class TusVersionMismatch(InvalidInput):
    code = "TUS_VERSION_MISMATCH"
    sentence = "Uploads speak tus 1.0.0: send Tus-Resumable."


class AddressNotAllowed(InvalidInput):
    code = "ADDRESS_NOT_ALLOWED"
    sentence = "Nothing is sent to this address."


class Unauthenticated(LiveDropsError):
    code = "UNAUTHENTICATED"
    sentence = "Sign in first."


class Forbidden(LiveDropsError):
    code = "FORBIDDEN"
    sentence = "You are not allowed to do this."


class NotFound(LiveDropsError):
    code = "NOT_FOUND"
    sentence = "There is no such thing."


class UploadGone(NotFound):
    code = "UPLOAD_GONE"
    sentence = "This upload is over. Begin a new one."


class MediaRejected(LiveDropsError):
    code = "MEDIA_REJECTED"
    sentence = "The file is not what is taken in."


class Conflict(LiveDropsError):
    code = "CONFLICT"
    sentence = "This contradicts what is stored."


class IdempotencyKeyReused(Conflict):
    code = "IDEMPOTENCY_KEY_REUSED"
    sentence = "This idempotency key was used for a different order of the same drop."


class EmailTaken(Conflict):
    code = "EMAIL_TAKEN"
    sentence = "Somebody signed up with this e-mail address already."


class StaleVersion(Conflict):
    code = "STALE_VERSION"
    sentence = "Somebody changed this since you read it. Read it again."


class DropFixed(Conflict):
    code = "DROP_FIXED"
    sentence = "This can't be changed any more once the drop is live."


class TooManyEndpoints(Conflict):
    code = "TOO_MANY_ENDPOINTS"
    sentence = "You have as many endpoints as one can have. Remove one."


class ChannelOff(Conflict):
    code = "CHANNEL_OFF"
    sentence = "Nobody is told over this channel here."


class OffsetMismatch(Conflict):
    code = "OFFSET_MISMATCH"
    sentence = "The upload goes on at another offset. Ask for it with HEAD."


class UploadTaken(Conflict):
    code = "UPLOAD_TAKEN"
    sentence = "Another request goes on with this upload."


class OrderRefused(LiveDropsError):
    code = "ORDER_REFUSED"
    sentence = "This order can't be taken."


class NotStarted(OrderRefused):
    code = "NOT_STARTED"
    sentence = "The drop has not started yet."


class Ended(OrderRefused):
    code = "ENDED"
    sentence = "The drop is over."


class SoldOut(OrderRefused):
    code = "SOLD_OUT"
    sentence = "Sold out: no unit is left."


class InsufficientStock(OrderRefused):
    code = "INSUFFICIENT_STOCK"
    sentence = "Fewer units are left than you asked for."


class LimitReached(OrderRefused):
    code = "LIMIT_REACHED"
    sentence = "This is more than one person may buy of this drop."


class Unavailable(LiveDropsError):
    code = "UNAVAILABLE"
    sentence = "This can't be answered right now. Try again."


class Busy(Unavailable):
    code = "BUSY"
    sentence = "Too many orders at once. Try again."


class RateLimited(Unavailable):
    code = "RATE_LIMITED"
    sentence = "You are asking too often. Slow down."


class DeadlineExceeded(Unavailable):
    code = "DEADLINE_EXCEEDED"
    sentence = "The answer did not come in time. Repeat with the same key to learn the outcome."


class Internal(LiveDropsError):
    pass


def _tree(root: type[LiveDropsError]) -> dict[str, type[LiveDropsError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


BY_CODE: dict[str, type[LiveDropsError]] = {**_tree(LiveDropsError), Internal.code: Internal}


def from_wire(code: str, message: str | None = None, data: dict[str, Any] | None = None) -> LiveDropsError:
    """The error that a code stands for. A code of a newer version than ours becomes Internal, its code kept in data."""
    kind = BY_CODE.get(code)
    if kind is None:
        return Internal(message, **{**(data or {}), "unknown_code": code})
    return kind(message, **(data or {}))
