"""Products and drops: the payloads and the Protocol of the products service."""

from enum import StrEnum
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from .media import MediaFile, MediaIds, NewUpload, Upload
from .orders import DropIds, Terms
from .values import Cursor, DropId, Instant, Line, MediaId, Money, PageSize, PerUserLimit, ProductId, Reason, StockSize, UserId, Version

# Text of several lines: no control characters but line breaks and tabs. Empty where there is none.
Description = Annotated[str, Meta(max_length=5000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")]
Tag = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f\x7f-\x9f,]*[^\s\x00-\x1f\x7f-\x9f,]$")]
Tags = Annotated[list[Tag], Meta(max_length=30)]
Media = Annotated[list[MediaId], Meta(max_length=20)]
MetadataKey = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[A-Za-z][A-Za-z0-9_.\-]*$")]
MetadataValue = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
# What a seller wants to remember of a drop; LiveDrops makes nothing of it.
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=20)]
# Whoever wants more than this many pages of numbers walks with cursors: a page of a number costs all before it.
PageNumber = Annotated[int, Meta(ge=1, le=1000)]


class DropState(StrEnum):
    """What the row of a drop says at one moment."""

    SCHEDULED = "SCHEDULED"
    LIVE = "LIVE"
    SOLD_OUT = "SOLD_OUT"
    ENDED = "ENDED"
    CANCELLED = "CANCELLED"


class NewProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Line
    price: Money
    description: Description = ""
    tags: Tags = []
    media: Media = []


class ProductChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; null leaves a field as it is."""

    name: Line | None = None
    price: Money | None = None
    description: Description | None = None
    tags: Tags | None = None
    media: Media | None = None


class ImportedProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product that comes with many others. The id is the caller's, best derived from where it comes from."""

    product_id: ProductId
    creator_id: UserId
    product: NewProduct


class ImportOutcome(StrEnum):
    """CREATED: it is new. UNCHANGED: it was made before, as it is told here, whatever became of it since. REFUSED: see the code."""

    CREATED = "CREATED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


class Imported(msgspec.Struct, frozen=True):
    """What became of an imported product. code: of the error, where it was refused; CONFLICT is another product under its id, INVALID_INPUT media
    that are not ready, or not its creator's."""

    product_id: ProductId
    outcome: ImportOutcome
    code: str | None = None


class Product(msgspec.Struct, frozen=True):
    """version: raised by every change. Drops keep the name and price that they were scheduled with."""

    id: ProductId
    creator_id: UserId
    name: str
    price: Money
    description: str
    tags: list[str]
    media: list[str]
    version: Version
    created_at: Instant
    updated_at: Instant


class NewDrop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sale of so many units of a product, from starts_at until ends_at. unit_price: the product's where it is not given."""

    starts_at: Instant
    ends_at: Instant
    stock: StockSize
    per_user_limit: PerUserLimit | None = None
    unit_price: Money | None = None
    metadata: Metadata = {}


class DropChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; null leaves a field as it is. Once a drop is live: its stock, its end and metadata only."""

    starts_at: Instant | None = None
    ends_at: Instant | None = None
    stock: StockSize | None = None
    per_user_limit: PerUserLimit | None = None
    unit_price: Money | None = None
    metadata: Metadata | None = None


class Drop(msgspec.Struct, frozen=True):
    """A drop as its row says. version: raised by every change of the seller's. What is left of the stock is for orders to say."""

    id: DropId
    product_id: ProductId
    creator_id: UserId
    name: str
    starts_at: Instant
    ends_at: Instant
    stock: int
    per_user_limit: int | None
    unit_price: Money
    metadata: dict[str, str]
    state: DropState
    cancelled_at: Instant | None
    version: Version
    created_at: Instant
    updated_at: Instant


def terms_of(drop: Drop) -> Terms:
    """What orders has to know of a drop."""
    return Terms(
        drop_id=drop.id,
        creator_id=drop.creator_id,
        name=drop.name,
        starts_at=drop.starts_at,
        ends_at=drop.ends_at,
        total=drop.stock,
        unit_price=drop.unit_price,
        per_user_limit=drop.per_user_limit,
        version=drop.version,
        cancelled=drop.cancelled_at is not None,
    )


class ProductPage(msgspec.Struct, frozen=True):
    """next: the cursor of the page behind it, null at the end."""

    products: list[Product]
    next: Cursor | None


class DropPage(msgspec.Struct, frozen=True):
    """next: the cursor of the page behind it, null at the end."""

    drops: list[Drop]
    next: Cursor | None


# What a name has to hold, word by word. Empty for all. Longer than this is no question.
Words = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217.")]


class Sought(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a product, or the product and the price of a drop, must be: all of these, one of the tags. Null and empty ask for nothing.

    min_price and max_price count in minor units of `currency`.
    """

    words: Words = ""
    creator_id: UserId | None = None
    tags: Annotated[list[Tag], Meta(max_length=10)] = []
    currency: Currency | None = None
    min_price: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    max_price: Annotated[int, Meta(ge=0, le=10**12)] | None = None


# A second's work at most for one process, and some 200 KB of what shops write of their products.
ImportedProducts = Annotated[list[ImportedProduct], Meta(min_length=1, max_length=200)]
ProductIds = Annotated[list[ProductId], Meta(min_length=1, max_length=100)]


class Products(Protocol):
    """The products service. Every call can be repeated: ids are the caller's, and versions decide. Owners and operators write."""

    def create_product(self, *, product_id: ProductId, creator_id: UserId, product: NewProduct) -> Product:
        """A new product. The same again answers the first; another one under the id is a Conflict.

        Raises Forbidden, InvalidInput (media that are not ready, or not this creator's).
        """

    def import_products(self, *, products: ImportedProducts) -> list[Imported]:
        """Many new products at once: what became of each, in the order told. For operators, services and teams. Raises Forbidden.

        Fastest where those of a creator come together: each creator's are one transaction.
        """

    def update_product(self, *, product_id: ProductId, expected_version: Version, change: ProductChange) -> Product:
        """Change a product. A change that is already there is answered as it is.

        Raises NotFound, StaleVersion, Forbidden, InvalidInput (new media that are not ready, or not its creator's).
        """

    def get_product(self, *, product_id: ProductId) -> Product:
        """Raises NotFound."""

    def get_products(self, *, product_ids: ProductIds) -> list[Product]:
        """Those that there are, in the order asked."""

    def list_products(
        self, *, creator_id: UserId | None = None, first: PageSize = 20, after: Cursor | None = None, page: PageNumber | None = None
    ) -> ProductPage:
        """Newest first, of one creator or of all; from a cursor, or a page by its number. Raises InvalidInput (both, foreign cursor)."""

    def schedule_drop(self, *, drop_id: DropId, product_id: ProductId, drop: NewDrop) -> Drop:
        """Announce a sale of a product. The same again answers the first. Raises NotFound, Forbidden, Conflict, InvalidInput (window)."""

    def change_drop(self, *, drop_id: DropId, expected_version: Version, change: DropChange) -> Drop:
        """Change a drop that is not over. Raises NotFound, StaleVersion, Forbidden, Ended, DropFixed, and what orders refuses (Conflict)."""

    def end_drop(self, *, drop_id: DropId) -> Drop:
        """End a live sale now; what was sold stays sold. One that is over is answered as it is. Raises NotFound, Forbidden, NotStarted."""

    def cancel_drop(self, *, drop_id: DropId, reason: Reason) -> Drop:
        """Take a drop back. Its orders are cancelled and their buyers told, a moment later. Raises NotFound, Forbidden, Ended."""

    def get_drop(self, *, drop_id: DropId) -> Drop:
        """Raises NotFound."""

    def get_drops(self, *, drop_ids: DropIds) -> list[Drop]:
        """Those that there are, in the order asked."""

    def list_drops(
        self,
        *,
        state: DropState | None = None,
        creator_id: UserId | None = None,
        first: PageSize = 20,
        after: Cursor | None = None,
        page: PageNumber | None = None,
        product_id: ProductId | None = None,
    ) -> DropPage:
        """By their start, of one creator, one product or all: what is to come soonest first, the rest and all together latest first.

        Raises as list_products, and NotFound for a product that there is not.
        """

    def find_products(self, *, sought: Sought, first: PageSize = 20, after: Cursor | None = None) -> ProductPage:
        """Products whose names hold all the words, or parts of words, newest first. Raises InvalidInput for a cursor of another list."""

    def find_drops(
        self,
        *,
        sought: Sought,
        states: Annotated[list[DropState], Meta(max_length=5)] | None = None,
        first: PageSize = 20,
        after: Cursor | None = None,
    ) -> DropPage:
        """Drops whose names hold all the words, newest first; with states, those in one of them. Raises as find_products."""

    def create_upload(self, *, media_id: MediaId, creator_id: UserId, upload: NewUpload) -> Upload:
        """Announce a file, whose bytes then go to upload_url. The same again answers the first, as it stands by then.

        Raises Forbidden, InvalidInput (type, size), Conflict (another upload under the id), RateLimited (too many that are not finished).
        """

    def get_media(self, *, media_ids: MediaIds) -> list[MediaFile]:
        """Those that are ready, in the order asked."""
