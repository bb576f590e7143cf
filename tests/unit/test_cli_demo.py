"""The demo: made once, found again, and made anew when it is over."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec

from cli.demo import Demo, curl_line, load
from services.contracts.errors import NotFound
from services.contracts.orders import OpenStock, Orders, Stock, StockState
from services.contracts.users import FollowState, Role, User, Users

NOW = datetime(2026, 11, 24, 22, 30, 15, tzinfo=UTC)


class Shop:
    """Users and orders in memory, with a clock of its own."""

    def __init__(self) -> None:
        self.now = NOW
        self.people: dict[str, User] = {}
        self.stocks: dict[str, OpenStock] = {}
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
        if drop_id not in self.stocks:
            raise NotFound
        opened = self.stocks[drop_id]
        state = (
            StockState.ENDED if self.now >= opened.ends_at else StockState.LIVE if self.now >= opened.starts_at else StockState.SCHEDULED
        )
        book = (opened.name, opened.starts_at, opened.ends_at, opened.total, opened.total, 0, 0, opened.unit_price, opened.per_user_limit)
        return Stock(drop_id, opened.creator_id, *book, 1, state)

    def open_stock(self, *, stock: OpenStock) -> Stock:
        self.stocks[stock.drop_id] = stock
        return self.get_stock(drop_id=stock.drop_id)

    def load(self) -> Demo:
        return load(cast(Users, self), cast(Orders, self), self.now, "http://shop")


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
    shop.stocks[first.drop.drop_id] = msgspec.structs.replace(shop.stocks[first.drop.drop_id], ends_at=shop.now)
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
