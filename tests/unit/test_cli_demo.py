"""The demo: made once, found again, and made anew when it is over."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec
import pytest

from cli.demo import Demo, curl_line, load
from services.contracts.errors import Conflict, InvalidInput, NotFound
from services.contracts.orders import Orders, Stock, StockState
from services.contracts.products import NewDrop, NewProduct, Product, Products
from services.contracts.users import FollowState, Role, User, Users
from services.products import domain

NOW = datetime(2026, 11, 24, 22, 30, 15, tzinfo=UTC)


class Shop:
    """Users, products and orders in memory, with a clock of its own."""

    def __init__(self) -> None:
        self.now = NOW
        self.people: dict[str, User] = {}
        self.products: dict[str, Product] = {}
        self.drops: dict[str, tuple[str, NewDrop]] = {}
        self.follows: set[tuple[str, str]] = set()

    def sign_up(self, *, name: str, email: str, password: str) -> User:
        return self.people.setdefault(email, User(f"id of {name}", name, email, [Role.FAN], self.now))

    def set_roles(self, *, user_id: str, roles: list[Role]) -> User:
        user = next(user for user in self.people.values() if user.id == user_id)
        self.people[user.email] = msgspec.structs.replace(user, roles=roles)
        return self.people[user.email]

    def follow(self, *, user_id: str, creator_id: str) -> FollowState:
        self.follows.add((user_id, creator_id))
        return FollowState(user_id, creator_id, True, self.now, 1)

    def get_stock(self, *, drop_id: str) -> Stock:
        if drop_id not in self.drops:
            raise NotFound
        product_id, drop = self.drops[drop_id]
        product = self.products[product_id]
        state = StockState.ENDED if self.now >= drop.ends_at else StockState.LIVE if self.now >= drop.starts_at else StockState.SCHEDULED
        book = (product.name, drop.starts_at, drop.ends_at, drop.stock, drop.stock, 0, 0, product.price, drop.per_user_limit)
        return Stock(drop_id, product.creator_id, *book, 1, state)

    def create_product(self, *, product_id: str, creator_id: str, product: NewProduct) -> Product:
        fields = (product.name, product.price, product.description, product.tags, product.media, 1, self.now, self.now)
        return self.products.setdefault(product_id, Product(product_id, creator_id, *fields))

    def schedule_drop(self, *, drop_id: str, product_id: str, drop: NewDrop) -> None:
        if drop.starts_at < self.now - domain.LATE:
            raise InvalidInput
        if self.drops.setdefault(drop_id, (product_id, drop)) != (product_id, drop):
            raise Conflict

    def load(self) -> Demo:
        return load(cast(Users, self), cast(Products, self), cast(Orders, self), lambda: self.now, "http://shop")


def test_the_demo_fan_follows_the_demo_creator() -> None:
    shop = Shop()
    shop.load()
    assert shop.follows == {("id of Demo Fan", "id of Demo Creator")}


def test_the_demo_has_a_drop_on_sale_and_one_to_come() -> None:
    demo = Shop().load()
    assert (demo.drop.state, demo.upcoming.state) == (StockState.LIVE, StockState.SCHEDULED)
    assert (demo.drop.total, demo.drop.per_user_limit, demo.drop.unit_price.amount) == (500, 4, 4900)
    assert demo.drop.ends_at - demo.drop.starts_at == timedelta(hours=24)
    assert demo.drop.creator_id == "id of Demo Creator"


def test_all_drops_are_of_one_product() -> None:
    shop = Shop()
    shop.load()
    shop.now += timedelta(hours=3)
    shop.load()
    assert len(shop.products) == 1
    assert {product_id for product_id, _ in shop.drops.values()} == set(shop.products)


def test_who_loads_at_the_same_moment_finds_the_same_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    schedule = shop.schedule_drop

    def just_too_late(*, drop_id: str, product_id: str, drop: NewDrop) -> None:
        schedule(drop_id=drop_id, product_id=product_id, drop=msgspec.structs.replace(drop, stock=1))
        schedule(drop_id=drop_id, product_id=product_id, drop=drop)

    monkeypatch.setattr(shop, "schedule_drop", just_too_late)
    assert shop.load().drop.total == 1


def test_the_people_have_their_roles() -> None:
    shop = Shop()
    demo = shop.load()
    assert [person.role for person in demo.people] == [Role.FAN, Role.CREATOR, Role.OPERATOR]
    assert shop.people["operator@demo.livedrops.example"].roles == [Role.FAN, Role.OPERATOR]


def test_a_second_load_finds_the_first() -> None:
    shop = Shop()
    first = shop.load()
    shop.now += timedelta(seconds=30)
    assert shop.load() == first


def test_a_drop_of_yesterday_that_still_runs_is_found() -> None:
    shop = Shop()
    first = shop.load()
    shop.now += timedelta(hours=3)
    second = shop.load()
    assert second.drop == first.drop
    assert second.upcoming.drop_id != first.upcoming.drop_id


def test_an_ended_drop_has_a_successor_on_the_same_day() -> None:
    shop = Shop()
    first = shop.load()
    product_id, drop = shop.drops[first.drop.drop_id]
    shop.drops[first.drop.drop_id] = product_id, msgspec.structs.replace(drop, ends_at=shop.now)
    second = shop.load()
    assert second.drop.drop_id != first.drop.drop_id
    assert second.drop.state is StockState.LIVE


def test_the_curl_line_is_sound_shell_with_sound_json() -> None:
    line = curl_line("http://shop:1", "fan@x.example", "d")
    bodies = re.findall(r"-d ('[^']*')", line)
    sign_in, wish = (json.loads(shlex.split(body)[0]) for body in bodies)
    assert sign_in == {"query": 'mutation{signIn(input:{email:"fan@x.example",password:"demo-password"}){accessToken}}'}
    assert wish == {"dropId": "d", "quantity": 1}
    assert "\n" not in line
