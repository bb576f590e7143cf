"""The small values that payloads are made of, with their bounds."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

UserId = Annotated[str, Meta(pattern=_UUID, description="A person: UUID, lower case.")]
DropId = Annotated[str, Meta(pattern=_UUID, description="A drop: UUID, lower case.")]
ProductId = Annotated[str, Meta(pattern=_UUID, description="A product: UUID, lower case.")]
MediaId = Annotated[str, Meta(pattern=_UUID, description="An uploaded file: UUID, lower case.")]
EndpointId = Annotated[str, Meta(pattern=_UUID, description="Where a person is told: UUID, lower case.")]
OrderId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{32}-[0-9a-f]{32}$",
        description="An order: a time-ordered UUID, then the UUID of its drop, both in hex. Sorts by time.",
    ),
]
Instant = Annotated[datetime, Meta(tz=True, description="UTC, ISO 8601.")]
# 128 characters fit a UUID, a ULID or a hash with a prefix; printable ASCII keeps keys out of trouble in headers and logs.
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
# A single order of more units than this is a mistake or an attack, not a fan.
Quantity = Annotated[int, Meta(ge=1, le=1000)]
# Ten million units of one drop keep every sum far inside 64 bits and a sale inside an hour.
StockSize = Annotated[int, Meta(ge=1, le=10_000_000)]
PerUserLimit = Annotated[int, Meta(ge=1, le=1_000_000)]
Units = Annotated[int, Meta(ge=0)]
# What every JSON reader carries exactly.
Version = Annotated[int, Meta(ge=0, le=2**53 - 1)]
# One line of text: no control characters, not only white space.
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
Reason = Line
# The name of a file as a person sees it: one line without what a path is made of.
FileName = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f/\\\\]*[^\s\x00-\x1f\x7f-\x9f/\\\\][^\x00-\x1f\x7f-\x9f/\\\\]*$"),
]
# RFC 6838, section 4.2, in lower case and without parameters.
ContentType = Annotated[str, Meta(max_length=127, pattern=r"^[a-z0-9][a-z0-9!#$&^_.+\-]*/[a-z0-9][a-z0-9!#$&^_.+\-]*$")]
# 1 GiB: some minutes of video. What kinds of files may have less is for the media unit to say.
FileSize = Annotated[int, Meta(ge=1, le=2**30)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256, in hex.")]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\.[^\s@\x00-\x1f\x7f]+$")]
# NIST SP 800-63B: at least 8, and nothing above 64 need be refused; 256 bounds the work of hashing.
Password = Annotated[str, Meta(min_length=8, max_length=256)]
PageSize = Annotated[int, Meta(ge=1, le=100)]
Cursor = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_\-.=]+$")]


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units (cents) of an ISO 4217 currency."""

    amount: Annotated[int, Meta(ge=0, le=10**12)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
