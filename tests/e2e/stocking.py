"""A small shop with something on sale: made over RPC and tus, looked at in the browser."""

import io
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import requests
from PIL import Image, ImageDraw, ImageFilter

from gateway.tokens import Tokens
from services.contracts.products import NewDrop, NewProduct, Product, Products
from services.contracts.users import Role, User, Users
from services.contracts.values import Money
from tests.conftest import PASSWORD, Person, eventually
from tests.integration.uploading import Uploader

_COLOURS = (
    ((246, 200, 120), (214, 80, 92)),
    ((120, 196, 246), (74, 66, 196)),
    ((156, 226, 180), (22, 98, 120)),
    ((236, 190, 232), (116, 54, 160)),
    ((250, 222, 170), (40, 96, 84)),
    ((196, 204, 220), (38, 44, 66)),
)
_SHAPES: tuple[Callable[[ImageDraw.ImageDraw], Callable[..., None]], ...] = (
    lambda drawn: drawn.ellipse,
    lambda drawn: partial(drawn.rounded_rectangle, radius=48),
    lambda drawn: partial(drawn.pieslice, start=150, end=420),
)


def artwork(number: int, size: tuple[int, int] = (1280, 960)) -> bytes:
    """A picture that passes for one of a shop: always the same for a number."""
    light, dark = _COLOURS[number % len(_COLOURS)]
    width, height = size
    shade = Image.linear_gradient("L").resize(size)
    made = Image.composite(Image.new("RGB", size, dark), Image.new("RGB", size, light), shade)
    drawn = ImageDraw.Draw(made, "RGBA")
    for turn in range(5):
        angle = number * 1.3 + turn * math.tau / 5
        x, y = width * (0.5 + 0.26 * math.cos(angle)), height * (0.5 + 0.26 * math.sin(angle))
        radius = height * (0.13 + 0.05 * ((number + turn) % 3))
        _SHAPES[number % len(_SHAPES)](drawn)((x - radius, y - radius, x + radius, y + radius), fill=(255, 255, 255, 46))
    radius = height * 0.24
    middle = (width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius)
    _SHAPES[(number // 2) % len(_SHAPES)](drawn)(middle, fill=(*light, 235))
    buffer = io.BytesIO()
    made.filter(ImageFilter.GaussianBlur(1.2)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@dataclass(frozen=True)
class Shop:
    """live, coming, over: ids of drops of `product`, of which `fan` has bought."""

    creator: User
    fan: User
    product: Product
    live: str
    coming: str
    over: str


@dataclass(frozen=True)
class Stockroom:
    """What a shop is made with."""

    address: str
    tokens: Tokens
    users: Users
    products: Products

    def somebody(self, name: str, *roles: Role) -> User:
        user = self.users.sign_up(name=name, email=f"{uuid.uuid4().hex}@example.org", password=PASSWORD)
        return self.users.set_roles(user_id=user.id, roles=list(roles)) if roles else user

    def creator(self, name: str) -> User:
        return self.somebody(name, Role.CREATOR, Role.FAN)

    def signed_in(self, user: User) -> Person:
        return Person(self.address, self.tokens, user)

    def stranger(self) -> Person:
        """Somebody who buys and nothing else: orders never asks who it is."""
        return self.signed_in(User(str(uuid.uuid4()), "Somebody", "somebody@example.org", [Role.FAN], datetime.now(UTC)))

    def product(self, creator: User, name: str, number: int, cents: int = 4900, tags: tuple[str, ...] = ()) -> Product:
        uploader = Uploader(self.address, self.signed_in(creator))
        eventually(uploader.is_served)
        media_id = uploader.upload(artwork(number), "image/jpeg", f"{number}.jpg")
        wanted = NewProduct(name, Money(cents, "EUR"), "Made by hand, in one small batch.\nNumbered and signed.", list(tags), [media_id])
        return self.products.create_product(product_id=str(uuid.uuid4()), creator_id=creator.id, product=wanted)

    def drop(self, product: Product, starts_in: timedelta, units: int = 100, lasts: timedelta = timedelta(hours=5), limit: int = 4) -> str:
        starts_at = datetime.now(UTC) + starts_in
        wanted = NewDrop(starts_at, starts_at + lasts, units, limit)
        return self.products.schedule_drop(drop_id=str(uuid.uuid4()), product_id=product.id, drop=wanted).id

    def is_found(self, product_id: str) -> bool:
        """Whether the search knows it."""
        answer = requests.get(f"{self.address}/search", params={"kind": "PRODUCT", "sort": "NEWEST", "limit": "100"}, timeout=15)
        return any(hit["id"] == product_id for hit in answer.json().get("hits", ()))

    def shop(self, name: str) -> Shop:
        """Of one creator, with a fan who follows and has bought."""
        creator, fan = self.creator(name), self.somebody("Fia Fan")
        self.users.follow(user_id=fan.id, creator_id=creator.id)
        product = self.product(creator, "Night Runner", 1, tags=("shoes", "night"))
        moment_ago = timedelta(seconds=-5)
        live, over = self.drop(product, moment_ago), self.drop(product, moment_ago)
        coming = self.drop(product, timedelta(hours=2))
        buyer = self.signed_in(fan)
        for quantity in (2, 1):
            eventually(partial(self._bought, buyer, live, quantity))
        self.products.end_drop(drop_id=over)
        eventually(lambda: buyer.graphql("{myOrders{edges{node{id}}}}").json()["data"]["myOrders"]["edges"])
        eventually(lambda: buyer.graphql("{unreadCount}").json()["data"]["unreadCount"])
        return Shop(creator, fan, product, live, coming, over)

    def _bought(self, buyer: Person, drop_id: str, quantity: int) -> bool:
        """False while orders has not opened the drop."""
        return bool(buyer.buy(drop_id, quantity).json()["data"]["placeOrder"]["order"])
