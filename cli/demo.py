"""Demo data through the real RPCs: three people, a follow, a drop on sale and one to come. Running it again finds what is there."""

import json
import shlex
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import count

import msgspec

from services.contracts.errors import Conflict, NotFound
from services.contracts.orders import OpenStock, Orders, Stock, StockState
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
UNITS = 500
LIMIT = 4
PRICE = Money(4900, "EUR")


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


def load(users: Users, orders: Orders, now: datetime, address: str) -> Demo:
    """Make or find the demo. address: of the gateway, for the curl line. Raises LiveDropsError."""
    known = {role: _sign_up(users, role, name, roles) for role, (name, roles) in PEOPLE.items()}
    creator = known["creator"].id
    users.follow(user_id=known["fan"].id, creator_id=creator)
    drop = _find_or_open(orders, ON_SALE, now, lambda drop_id: _on_sale(drop_id, creator, now))
    upcoming = _find_or_open(orders, UPCOMING, now, lambda drop_id: _upcoming(drop_id, creator, now))
    people = [Person(user.email, PASSWORD, Role(role.upper())) for role, user in known.items()]
    return Demo(people, drop, upcoming, curl_line(address, known["fan"].email, drop.drop_id))


def _sign_up(users: Users, role: str, name: str, roles: list[Role]) -> User:
    user = users.sign_up(name=name, email=f"{role}@demo.livedrops.example", password=PASSWORD)
    return user if sorted(user.roles) == roles else users.set_roles(user_id=user.id, roles=roles)


def _find_or_open(orders: Orders, kind: str, now: datetime, opening: Callable[[str], OpenStock]) -> Stock:
    """The demo drop of this kind that still serves, or a new one."""
    today = list(_opened_on(orders, kind, now.date()))
    for stock in (*today, *_opened_on(orders, kind, (now - LIFE).date())):
        if _serves(kind, stock):
            return stock
    return _open(orders, opening(_drop_id(kind, now.date(), len(today))))


def _opened_on(orders: Orders, kind: str, day: date) -> Iterator[Stock]:
    """Demo drops opened on that day (UTC), in order: those that ended early have a successor."""
    for number in count():
        try:
            yield orders.get_stock(drop_id=_drop_id(kind, day, number))
        except NotFound:
            return


def _drop_id(kind: str, day: date, number: int) -> str:
    return ids.derived_id("livedrops demo", kind, day.isoformat(), number)


def _open(orders: Orders, stock: OpenStock) -> Stock:
    try:
        return orders.open_stock(stock=stock)
    except Conflict:
        return orders.get_stock(drop_id=stock.drop_id)  # someone loads the demo at this very moment, too


def _serves(kind: str, stock: Stock) -> bool:
    if kind == UPCOMING:
        return stock.state is StockState.SCHEDULED
    return stock.state in (StockState.LIVE, StockState.SOLD_OUT)


def _on_sale(drop_id: str, creator_id: str, now: datetime) -> OpenStock:
    # From the beginning of the minute: a store whose clock is a little behind sells at once, too.
    starts_at = now.replace(second=0, microsecond=0)
    return _drop(drop_id, creator_id, "Demo: Night Runner, first edition", starts_at)


def _upcoming(drop_id: str, creator_id: str, now: datetime) -> OpenStock:
    starts_at = now.replace(second=0, microsecond=0) + timedelta(hours=1)
    return _drop(drop_id, creator_id, "Demo: Night Runner, second edition", starts_at)


def _drop(drop_id: str, creator_id: str, name: str, starts_at: datetime) -> OpenStock:
    return OpenStock(
        drop_id=drop_id,
        creator_id=creator_id,
        name=name,
        starts_at=starts_at,
        ends_at=starts_at + LIFE,
        total=UNITS,
        unit_price=PRICE,
        per_user_limit=LIMIT,
        reason="demo",
    )


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
