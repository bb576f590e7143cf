"""Products and drops through REST on the real mesh."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import requests

from gateway.rest import shapes
from services.contracts.orders import Stock
from services.contracts.users import Role
from tests.conftest import Person, eventually
from tests.integration.selling import NOBODY, PRICE, Seller, some_key, window


class Shop:
    """A seller's doings over REST."""

    def __init__(self, address: str, who: Person) -> None:
        self.address = address
        self.who = who

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.who.http.request(method, f"{self.address}{path}", json=body, headers=named, timeout=15)

    def offer(self, key: str | None = None, **fields: Any) -> requests.Response:
        return self.send("POST", "/products", {"name": "A shirt", "price": PRICE, **fields}, Idempotency_Key=key or some_key())

    def announce(self, key: str | None = None, starts_in_s: float = 0, **fields: Any) -> requests.Response:
        product_id = fields.pop("productId", None) or self.offer().json()["id"]
        body = {"productId": product_id, **window(starts_in_s), **fields}
        return self.send("POST", "/drops", body, Idempotency_Key=key or some_key())

    def get(self, path: str) -> requests.Response:
        return self.who.get(path)


@pytest.fixture
def shop(address: str, seller: Seller) -> Shop:
    return Shop(address, seller.who)


def problem(answer: requests.Response) -> tuple[int, str, str | None]:
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    msgspec.convert(body, shapes.Problem)
    return answer.status_code, body["code"], body.get("field")


class TestProducts:
    def test_a_product_is_made_once_and_read_by_everybody(self, shop: Shop) -> None:
        key = some_key()
        made = shop.offer(key, tags=["red"], description="Really.")
        assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
        product = msgspec.json.decode(made.content, type=shapes.Product)
        assert (product.creator_id, product.tags) == (shop.who.id, ["red"])
        assert shop.offer(key, tags=["red"], description="Really.").json() == made.json()
        read = requests.get(f"{shop.address}{made.headers['Location']}", timeout=10)
        assert (read.json(), read.headers["ETag"]) == (made.json(), '"1"')
        assert problem(shop.offer(key)) == (409, "CONFLICT", None)
        assert problem(shop.get(f"/products/{NOBODY}"))[:2] == (404, "NOT_FOUND")

    def test_the_key_makes_the_same_product_through_both_doors(self, shop: Shop, seller: Seller) -> None:
        key = some_key()
        assert shop.offer(key).json()["id"] == seller.offer(idempotencyKey=key)["id"]

    def test_a_change_needs_the_version_that_was_read(self, shop: Shop) -> None:
        path = f"/products/{shop.offer().json()['id']}"
        changed = shop.send("PATCH", path, {"name": "Better"}, If_Match='"1"')
        assert (changed.status_code, changed.json()["name"], changed.headers["ETag"]) == (200, "Better", '"2"')
        assert problem(shop.send("PATCH", path, {"name": "Worse"}, If_Match='"1"')) == (412, "STALE_VERSION", None)
        assert problem(shop.send("PATCH", path, {"name": "Worse"})) == (428, "VERSION_MISSING", "If-Match")
        for tag in ("1", "*", 'W/"1"', '"x"', '"1", "2"'):
            assert problem(shop.send("PATCH", path, {"name": "Worse"}, If_Match=tag)) == (400, "INVALID_INPUT", "If-Match")
        assert problem(shop.send("PATCH", path, {"nam": "Worse"}, If_Match='"2"')) == (400, "INVALID_INPUT", "nam")

    def test_only_who_sells_may(self, shop: Shop, address: str, person: Callable[..., Person]) -> None:
        path = f"/products/{shop.offer().json()['id']}"
        fan, other, operator = (Shop(address, person(role)) for role in (Role.FAN, Role.CREATOR, Role.OPERATOR))
        assert problem(fan.offer()) == (403, "FORBIDDEN", None)
        assert problem(other.send("PATCH", path, {"name": "Mine"}, If_Match='"1"')) == (403, "FORBIDDEN", None)
        assert operator.send("PATCH", path, {"name": "Ours"}, If_Match='"1"').status_code == 200
        for method, where in (("POST", "/products"), ("PATCH", path), ("POST", "/drops"), ("POST", f"/drops/{NOBODY}/end")):
            assert problem(requests.request(method, f"{address}{where}", json={}, timeout=10)) == (401, "UNAUTHENTICATED", None)

    def test_lists_go_on_by_page_and_by_link(self, shop: Shop) -> None:
        made = [shop.offer().json()["id"] for _ in range(5)][::-1]
        first = shop.get(f"/products?creator_id={shop.who.id}&limit=2")
        body = first.json()
        assert set(body) == {"products", "page", "limit", "next"}
        assert ([product["id"] for product in body["products"]], body["page"], body["limit"]) == (made[:2], 1, 2)
        second = shop.get(f"/products?creator_id={shop.who.id}&limit=2&page=2").json()
        assert ([product["id"] for product in second["products"]], second["page"]) == (made[2:4], 2)
        linked = urlsplit(first.links["next"]["url"])
        behind = shop.get(f"{linked.path}?{linked.query}").json()
        assert ([product["id"] for product in behind["products"]], behind["page"]) == (made[2:4], None)
        last = shop.get(f"/products?creator_id={shop.who.id}&limit=2&page=3")
        assert ([product["id"] for product in last.json()["products"]], last.json()["next"], "Link" in last.headers) == (
            made[4:],
            None,
            False,
        )
        assert problem(shop.get(f"/products?page=2&after={body['next']}")) == (400, "INVALID_INPUT", "page")
        assert problem(shop.get(f"/products?after={body['next']}")) == (400, "INVALID_INPUT", "after")


class TestDrops:
    def test_a_drop_is_announced_changed_and_ended(self, shop: Shop, person: Callable[..., Person]) -> None:
        key, product_id = some_key(), shop.offer().json()["id"]
        wish = {"productId": product_id, **window(), "metadata": {"colour": "red"}, "perUserLimit": 2}
        made = shop.announce(key, **wish)
        assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
        path = made.headers["Location"]
        drop = msgspec.json.decode(made.content, type=shapes.Drop)
        assert (drop.product_id, drop.metadata, drop.state.value) == (product_id, {"colour": "red"}, "LIVE")
        assert shop.announce(key, **wish).json()["id"] == drop.id
        assert person().post_order(drop.id, 2).status_code == 201
        assert shop.get(path).json()["stock"]["sold"] == 2
        changed = shop.send("PATCH", path, {"stock": 20}, If_Match='"1"')
        assert (changed.json()["stock"]["total"], changed.headers["ETag"]) == (20, '"2"')
        assert problem(shop.send("PATCH", path, {"stock": 30}, If_Match='"1"')) == (412, "STALE_VERSION", None)
        assert problem(shop.send("PATCH", path, {"unitPrice": {**PRICE, "amount": 1}}, If_Match='"2"')) == (409, "DROP_FIXED", "unitPrice")
        assert problem(shop.send("PATCH", path, {"stock": 1}, If_Match='"2"')) == (409, "CONFLICT", "stock")
        ended = shop.send("POST", f"{path}/end")
        assert (ended.status_code, ended.json()["state"]) == (200, "ENDED")
        assert problem(shop.send("POST", f"{path}/cancel", {"reason": "x"})) == (409, "ENDED", None)

    def test_a_cancelled_drop_gives_its_units_back(self, shop: Shop, person: Callable[..., Person]) -> None:
        drop, fan = shop.announce().json(), person()
        order = fan.post_order(drop["id"], 3).json()
        cancelled = shop.send("POST", f"/drops/{drop['id']}/cancel", {"reason": "no paint"})
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "CANCELLED")
        eventually(lambda: fan.get(f"/order/{order['id']}").json()["status"] == "CANCELLED")
        eventually(lambda: shop.get(f"/drops/{drop['id']}").json()["stock"]["available"] == 10)

    def test_only_its_seller_and_operators_touch_a_drop(self, shop: Shop, address: str, person: Callable[..., Person]) -> None:
        path = f"/drops/{shop.announce().json()['id']}"
        for other in (Shop(address, person(Role.CREATOR)), Shop(address, person(Role.FAN))):
            for answer in (
                other.send("PATCH", path, {"stock": 99}, If_Match='"1"'),
                other.send("POST", f"{path}/end"),
                other.send("POST", f"{path}/cancel", {"reason": "x"}),
            ):
                assert problem(answer) == (403, "FORBIDDEN", None)
        assert Shop(address, person(Role.OPERATOR)).send("POST", f"{path}/end").json()["state"] == "ENDED"

    def test_lists_by_status_and_creator(self, shop: Shop) -> None:
        product_id = shop.offer().json()["id"]
        live, coming = (shop.announce(starts_in_s=start, productId=product_id).json()["id"] for start in (0, 3600))

        def listed(query: str) -> list[str]:
            body = shop.get(f"/drops?creator_id={shop.who.id}{query}").json()
            return [drop["id"] for drop in body["drops"]]

        assert listed("&status=LIVE") == listed("&status=live") == [live]
        assert listed("&status=SCHEDULED") == [coming]
        assert listed("") == [coming, live]
        assert listed("&limit=1&page=2") == [live]
        assert listed("&status=CANCELLED") == []

    def test_an_operators_drop_has_no_version(self, shop: Shop, open_drop: Callable[..., Stock]) -> None:
        read = shop.get(f"/drops/{open_drop().drop_id}")
        assert (read.status_code, read.json()["productId"], "ETag" in read.headers) == (200, None, False)
        assert problem(shop.get(f"/drops/{NOBODY}"))[:2] == (404, "NOT_FOUND")


def test_the_description_is_served(shop: Shop) -> None:
    described = shop.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert {"/order", "/follow", "/products", "/drops/{drop_id}"} <= set(described["paths"])
