"""Demo data through the real RPCs: three people, a follow, a product, a drop of it on sale and one to come. Running it again finds what is there."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import count

import msgspec

from services.contracts.errors import Conflict, NotFound
from services.contracts.orders import Orders, Stock, StockState
from services.contracts.products import NewDrop, NewProduct, Products
from services.contracts.users import Role, User, Users
from services.contracts.values import Money
from services.kernel import ids

PASSWORD = "demo-password"
# Whoever sells or operates may buy, too.
PEOPLE = {
    "fan": ("Demo Fan", [Role.FAN]),
    "creator": ("Demo Creator", [Role.CREATOR, Role.FAN]),
    "operator": ("Demo Operator", [Role.FAN, Role.OPERATOR]),
}
ON_SALE, UPCOMING = "on sale", "upcoming"
LIFE = timedelta(hours=24)
# A moment ago: a store whose clock is a little behind sells at once, too. Longer ago, a start is refused as past.
STARTS_AFTER = {ON_SALE: timedelta(seconds=-10), UPCOMING: timedelta(hours=1)}
UNITS = 500
LIMIT = 4
PRODUCT = NewProduct("Demo: Night Runner", Money(4900, "EUR"), "A shoe to try LiveDrops with.", ["demo", "shoes"])


class Person(msgspec.Struct, frozen=True):
    """Someone to sign in as."""

    email: str
    password: str
    role: Role


class Demo(msgspec.Struct, frozen=True):
    """What there is to try. `curl` is a line for a shell that signs in and buys a unit."""

    people: list[Person]
    drop: Stock
    upcoming: Stock
    curl: str


def load(users: Users, products: Products, orders: Orders, clock: Callable[[], datetime], address: str) -> Demo:
    """Make or find the demo. clock: services may still be starting, so time passes. address: for the curl line. Raises LiveDropsError."""
    known = {role: _sign_up(users, role, name, roles) for role, (name, roles) in PEOPLE.items()}
    creator = known["creator"].id
    users.follow(user_id=known["fan"].id, creator_id=creator)
    product = products.create_product(product_id=ids.derived_id("livedrops demo", "product", creator), creator_id=creator, product=PRODUCT)
    desk = _Desk(products, orders, product.id, clock)
    drop, upcoming = (desk.find_or_schedule(kind) for kind in (ON_SALE, UPCOMING))
    people = [Person(user.email, PASSWORD, Role(role.upper())) for role, user in known.items()]
    return Demo(people, drop, upcoming, curl_line(address, known["fan"].email, drop.drop_id))


def _sign_up(users: Users, role: str, name: str, roles: list[Role]) -> User:
    user = users.sign_up(name=name, email=f"{role}@demo.livedrops.example", password=PASSWORD)
    return user if sorted(user.roles) == roles else users.set_roles(user_id=user.id, roles=roles)


class _Desk:
    """Finds or schedules the demo's drops."""

    def __init__(self, products: Products, orders: Orders, product_id: str, clock: Callable[[], datetime]) -> None:
        self._products = products
        self._orders = orders
        self._product_id = product_id
        self._clock = clock

    def find_or_schedule(self, kind: str) -> Stock:
        """The demo drop of this kind that still serves, or a new one."""
        now = self._clock()
        today = list(self._made_on(kind, now.date()))
        for stock in (*today, *self._made_on(kind, (now - LIFE).date())):
            if _serves(kind, stock):
                return stock
        return self._schedule(kind, _drop_id(kind, now.date(), len(today)))

    def _made_on(self, kind: str, day: date) -> Iterator[Stock]:
        """Demo drops made on that day (UTC), in order: those that ended early have a successor."""
        for number in count():
            try:
                yield self._orders.get_stock(drop_id=_drop_id(kind, day, number))
            except NotFound:
                return

    def _schedule(self, kind: str, drop_id: str) -> Stock:
        with suppress(Conflict):  # someone loads the demo at this very moment, too
            self._products.schedule_drop(drop_id=drop_id, product_id=self._product_id, drop=_drop(kind, self._clock()))
        return self._orders.get_stock(drop_id=drop_id)


def _drop_id(kind: str, day: date, number: int) -> str:
    return ids.derived_id("livedrops demo", kind, day.isoformat(), number)


def _serves(kind: str, stock: Stock) -> bool:
    if kind == UPCOMING:
        return stock.state is StockState.SCHEDULED
    return stock.state in (StockState.LIVE, StockState.SOLD_OUT)


def _drop(kind: str, now: datetime) -> NewDrop:
    starts_at = now.replace(microsecond=0) + STARTS_AFTER[kind]
    return NewDrop(starts_at, starts_at + LIFE, UNITS, LIMIT, metadata={"edition": "first" if kind == ON_SALE else "second"})


def curl_line(address: str, email: str, drop_id: str) -> str:
    """A line for a POSIX shell: signs in through GraphQL, then buys one unit through REST, under a new key each time."""
    fields = f"email:{json.dumps(email)},password:{json.dumps(PASSWORD)}"
    sign_in = json.dumps({"query": f"mutation{{signIn(input:{{{fields}}}){{accessToken}}}}"})
    wish = json.dumps({"dropId": drop_id, "quantity": 1})
    as_json = "-H 'content-type: application/json'"
    token = f"curl -s {shlex.quote(address + '/graphql')} {as_json} -d {shlex.quote(sign_in)}"
    token += r""" | sed 's/.*"accessToken": *"\([^"]*\)".*/\1/'"""
    order = f"curl -s {shlex.quote(address + '/order')} {as_json}"
    order += f' -H "authorization: Bearer $TOKEN" -H "idempotency-key: $(date +%s%N)" -d {shlex.quote(wish)}'
    return f"TOKEN=$({token}) && {order}"
