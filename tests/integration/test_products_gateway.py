"""Products and drops through GraphQL and REST on the real mesh."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
import requests

from gateway.context import Gateway
from services.contracts.orders import Orders, Stock
from services.contracts.products import NewDrop, Product, Products
from services.contracts.users import Role
from services.kernel.cache import entry_key
from services.kernel.drop_cards import FAMILY, LIFE_S
from services.kernel.metrics import Metrics
from services.kernel.read_through import CLAIM_S, JITTER
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.integration.conftest import Member
from tests.integration.selling import CANCEL, CHANGE, CREATE, END, LOOK, NOBODY, PRICE, PRODUCT, SCHEDULE, UPDATE, Seller, some_key, window
from tests.integration.test_follow_gateway import rpcs_of
from tests.integration.test_limits import gateway_with


class TestProducts:
    def test_a_product_is_offered_once_under_its_key(self, seller: Seller) -> None:
        wish = {"idempotencyKey": some_key(), "name": "Shoe", "price": PRICE, "description": "A shoe.\nReally.", "tags": ["red"]}
        made = seller.done(CREATE, input=wish)
        assert seller.done(CREATE, input=wish) == made
        assert (made["creatorId"], made["version"], made["tags"], made["price"]) == (seller.who.id, 1, ["red"], PRICE)
        assert seller.refusal(CREATE, input={**wish, "name": "Boot"}) == ("CONFLICT", None)
        assert seller.ask(f"query($id:ID!){{product(id:$id){{{PRODUCT}}}}}", id=made["id"]) == made

    def test_the_same_key_of_another_is_another_product(self, seller: Seller, person: Callable[..., Person]) -> None:
        key, other = some_key(), Seller(person(Role.CREATOR))
        assert seller.offer(idempotencyKey=key)["id"] != other.offer(idempotencyKey=key)["id"]

    def test_only_who_sells_may_offer(self, person: Callable[..., Person], address: str) -> None:
        wish: dict[str, Any] = {"idempotencyKey": some_key(), "name": "x", "price": PRICE}
        assert Seller(person(Role.FAN)).refusal(CREATE, input=wish) == ("FORBIDDEN", None)
        assert Seller(person(Role.OPERATOR)).done(CREATE, input=wish)["version"] == 1
        body: Any = {"query": CREATE, "variables": {"input": {**wish, "name": ""}}}
        answer = requests.post(f"{address}/graphql", json=body, timeout=10).json()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]

    def test_a_change_needs_the_version_that_was_read(self, seller: Seller, person: Callable[..., Person]) -> None:
        product = seller.offer()
        changed = seller.done(UPDATE, input={"id": product["id"], "expectedVersion": 1, "name": "Better", "price": {**PRICE, "amount": 5}})
        assert (changed["name"], changed["version"], changed["price"]["amount"]) == ("Better", 2, 5)
        assert seller.refusal(UPDATE, input={"id": product["id"], "expectedVersion": 1, "name": "Worse"}) == ("STALE_VERSION", None)
        for role, expected in ((Role.CREATOR, ("FORBIDDEN", None)), (Role.FAN, ("FORBIDDEN", None))):
            other = Seller(person(role))
            assert other.refusal(UPDATE, input={"id": product["id"], "expectedVersion": 2, "name": "Mine"}) == expected
        operator = Seller(person(Role.OPERATOR))
        assert operator.done(UPDATE, input={"id": product["id"], "expectedVersion": 2, "name": "Ours"})["version"] == 3
        assert seller.refusal(UPDATE, input={"id": NOBODY, "expectedVersion": 1}) == ("NOT_FOUND", None)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"name": ""}, "name"),
            ({"price": {"amount": 1.5, "currency": "EUR"}}, "price.amount"),
            ({"price": {"amount": 1, "currency": "euro"}}, "price.currency"),
            ({"tags": ["a", ""]}, "tags"),
            ({"media": ["x"]}, "media"),
            ({"description": "x" * 5001}, "description"),
            ({"idempotencyKey": "a b"}, "idempotencyKey"),
        ],
    )
    def test_a_wrong_field_is_named(self, seller: Seller, fields: dict[str, Any], field: str) -> None:
        wish = {"idempotencyKey": some_key(), "name": "x", "price": PRICE, **fields}
        assert seller.refusal(CREATE, input=wish) == ("INVALID_INPUT", field)

    def test_lists_go_on_by_cursor_and_bring_what_belongs_to_them(self, seller: Seller) -> None:
        made = [seller.offer(name=f"Shirt {number}")["id"] for number in range(3)]
        drop = seller.announce(product_id=made[0])
        query = """query($id:ID!,$after:String){products(creatorId:$id,first:2,after:$after){
            edges{cursor node{id drops(first:5){edges{node{id}}}}} pageInfo{hasNextPage hasPreviousPage endCursor}}}"""
        first = seller.ask(query, id=seller.who.id)
        rest = seller.ask(query, id=seller.who.id, after=first["pageInfo"]["endCursor"])
        assert [edge["node"]["id"] for edge in (*first["edges"], *rest["edges"])] == made[::-1]
        assert (first["edges"][-1]["cursor"], first["pageInfo"]["hasNextPage"]) == (first["pageInfo"]["endCursor"], True)
        assert (rest["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasPreviousPage"]) == (False, True)
        drops = {edge["node"]["id"]: edge["node"]["drops"]["edges"] for edge in (*first["edges"], *rest["edges"])}
        assert drops == {made[0]: [{"node": {"id": drop["id"]}}], made[1]: [], made[2]: []}


class TestDrops:
    def test_a_drop_is_announced_once_under_its_key_and_sold_at_once(self, seller: Seller, person: Callable[..., Person]) -> None:
        product = seller.offer()
        wish: dict[str, Any] = {"idempotencyKey": some_key(), "productId": product["id"], **window(), "perUserLimit": 2}
        wish["metadata"] = [{"key": "colour", "value": "red"}]
        made = seller.done(SCHEDULE, input=wish)
        assert seller.done(SCHEDULE, input=wish)["id"] == made["id"]
        assert seller.refusal(SCHEDULE, input={**wish, "stock": 11}) == ("CONFLICT", None)
        assert (made["state"], made["version"], made["unitPrice"], made["metadata"]) == ("LIVE", 1, PRICE, wish["metadata"])
        assert made["stock"] == {"total": 10, "available": 10, "sold": 0}
        bought = person().buy(made["id"], 2).json()["data"]["placeOrder"]
        assert bought["order"]["status"] == "CONFIRMED"
        shown = seller.look(made["id"])
        assert (shown["stock"]["available"], shown["product"]) == (8, {"id": product["id"], "name": "A shirt"})

    def test_before_its_start_all_can_change_and_once_live_some(self, seller: Seller) -> None:
        coming, live = seller.announce(3600), seller.announce()
        change = {"id": coming["id"], "expectedVersion": 1, "unitPrice": {"amount": 1, "currency": "EUR"}, "stock": 7, "perUserLimit": 3}
        changed = seller.done(CHANGE, input={**change, "metadata": [{"key": "a", "value": "b"}]})
        assert (changed["version"], changed["unitPrice"]["amount"], changed["perUserLimit"]) == (2, 1, 3)
        assert (changed["stock"]["total"], changed["state"]) == (7, "SCHEDULED")
        assert seller.look(coming["id"])["metadata"] == [{"key": "a", "value": "b"}]
        assert seller.refusal(CHANGE, input={**change, "stock": 8}) == ("STALE_VERSION", None)
        refused = seller.refusal(CHANGE, input={"id": live["id"], "expectedVersion": 1, "unitPrice": {"amount": 1, "currency": "EUR"}})
        assert refused == ("DROP_FIXED", "unitPrice")
        assert seller.done(CHANGE, input={"id": live["id"], "expectedVersion": 1, "stock": 20})["stock"]["total"] == 20

    def test_only_its_seller_and_operators_touch_a_drop(self, seller: Seller, person: Callable[..., Person]) -> None:
        drop = seller.announce()
        wish = {"idempotencyKey": some_key(), "productId": drop["productId"], **window()}
        for other in (Seller(person(Role.CREATOR)), Seller(person(Role.FAN))):
            assert other.refusal(SCHEDULE, input={**wish, "idempotencyKey": some_key()}) == ("FORBIDDEN", None)
            assert other.refusal(CHANGE, input={"id": drop["id"], "expectedVersion": 1, "stock": 99}) == ("FORBIDDEN", None)
            assert other.refusal(END, id=drop["id"]) == other.refusal(CANCEL, id=drop["id"]) == ("FORBIDDEN", None)
        operator = Seller(person(Role.OPERATOR))
        assert operator.done(CHANGE, input={"id": drop["id"], "expectedVersion": 1, "stock": 99})["stock"]["total"] == 99
        assert operator.done(END, id=drop["id"])["state"] == "ENDED"

    def test_ending_keeps_what_was_sold(self, seller: Seller, person: Callable[..., Person]) -> None:
        drop = seller.announce()
        person().buy(drop["id"])
        ended = seller.done(END, id=drop["id"])
        assert (ended["state"], ended["stock"]["sold"]) == ("ENDED", 1)
        assert seller.done(END, id=drop["id"])["version"] == ended["version"]
        assert seller.refusal(CHANGE, input={"id": drop["id"], "expectedVersion": 2, "stock": 20}) == ("ENDED", None)
        assert seller.refusal(CANCEL, id=drop["id"]) == ("ENDED", None)
        assert seller.refusal(END, id=seller.announce(3600)["id"]) == ("NOT_STARTED", None)

    def test_cancelling_gives_units_back_and_the_buyer_sees_it(self, seller: Seller, person: Callable[..., Person]) -> None:
        drop, fan = seller.announce(), person()
        order = fan.buy(drop["id"], 3).json()["data"]["placeOrder"]["order"]
        cancelled = seller.done(CANCEL, id=drop["id"])
        assert cancelled["state"] == seller.look(drop["id"])["state"] == "CANCELLED"
        assert cancelled["cancelledAt"] is not None
        look = "query($id:ID!){order(id:$id){status}}"
        eventually(lambda: fan.graphql(look, {"id": order["id"]}).json()["data"]["order"]["status"] == "CANCELLED")
        eventually(lambda: seller.look(drop["id"])["stock"] == {"total": 10, "available": 10, "sold": 0})
        assert [error["code"] for error in fan.buy(drop["id"]).json()["data"]["placeOrder"]["userErrors"]] == ["ENDED"]
        assert seller.refusal(CHANGE, input={"id": drop["id"], "expectedVersion": 2, "stock": 20}) == ("CONFLICT", None)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"productId": "x"}, "productId"),
            ({"stock": 0}, "stock"),
            ({"perUserLimit": 0}, "perUserLimit"),
            ({"startsAt": "tomorrow"}, "startsAt"),
            ({"startsAt": "2026-01-01T00:00:00Z"}, "startsAt"),
            ({"endsAt": "2020-01-01T00:00:00Z"}, "endsAt"),
            ({"endsAt": 5}, "endsAt"),
            ({"unitPrice": {"amount": -1, "currency": "EUR"}}, "unitPrice.amount"),
            ({"metadata": [{"key": "1", "value": "x"}]}, "metadata"),
            ({"metadata": [{"key": "a", "value": "x"}, {"key": "a", "value": "y"}]}, "metadata"),
        ],
    )
    def test_a_wrong_field_is_named(self, seller: Seller, fields: dict[str, Any], field: str) -> None:
        wish = {"idempotencyKey": some_key(), "productId": seller.offer()["id"], **window(), **fields}
        assert seller.refusal(SCHEDULE, input=wish) == ("INVALID_INPUT", field)

    def test_an_operators_drop_has_no_product_and_goes_on_working(self, seller: Seller, open_drop: Callable[..., Stock]) -> None:
        stock = open_drop(total=5)
        shown = seller.look(stock.drop_id)
        assert (shown["product"], shown["productId"], shown["version"], shown["metadata"]) == (None, None, None, [])
        assert (shown["state"], shown["stock"]["available"], shown["creatorId"]) == ("LIVE", 5, stock.creator_id)
        assert seller.refusal(END, id=stock.drop_id) == ("NOT_FOUND", None)
        assert seller.ask(LOOK, id=NOBODY) is None

    def test_lists_by_state_and_creator(self, seller: Seller, person: Callable[..., Person]) -> None:
        product_id = seller.offer()["id"]
        live, coming, sold_out, over, gone = (seller.announce((n == 1 and 3600) or 0, product_id, stock=1)["id"] for n in range(5))
        person().buy(sold_out)
        seller.done(END, id=over)
        seller.done(CANCEL, id=gone)
        query = "query($s:DropState,$c:ID!){drops(state:$s,creatorId:$c){edges{node{id state}}}}"

        def listed(state: str | None) -> list[dict[str, str]]:
            return [edge["node"] for edge in seller.ask(query, s=state, c=seller.who.id)["edges"]]

        expected = {"LIVE": live, "SCHEDULED": coming, "SOLD_OUT": sold_out, "ENDED": over, "CANCELLED": gone}
        eventually(lambda: listed("SOLD_OUT"))
        assert {state: listed(state) for state in expected} == {state: [{"id": id, "state": state}] for state, id in expected.items()}
        assert {drop["id"]: drop["state"] for drop in listed(None)} == {id: state for state, id in expected.items()}


class TestCards:
    @pytest.fixture
    def card(self, stack: Stack) -> Any:
        """The card of a drop as it is in Redis."""
        client = redis.Redis.from_url(stack.environment("gateway")["LIVEDROPS_REDIS_URL"])
        yield lambda drop_id: client.get(entry_key(FAMILY, drop_id))
        client.close()

    def test_no_card_is_older_than_half_a_minute(self) -> None:
        assert LIFE_S * (1 + JITTER) + CLAIM_S <= 30

    def test_a_change_past_the_gateway_drops_the_card(
        self, seller: Seller, products: Products, card: Callable[[str], bytes | None]
    ) -> None:
        drop = seller.announce(3600)
        eventually(lambda: seller.look(drop["id"]) and card(drop["id"]))
        products.cancel_drop(drop_id=drop["id"], reason="x")
        eventually(lambda: seller.look(drop["id"])["state"] == "CANCELLED", timeout_s=5)

    def test_selling_out_drops_the_card(self, seller: Seller, person: Callable[..., Person], card: Callable[[str], bytes | None]) -> None:
        drop = seller.announce(stock=1)
        # Its start is told, too, and drops the card.
        eventually(lambda: seller.look(drop["id"]) and card(drop["id"]))
        before = card(drop["id"])
        person().buy(drop["id"])
        eventually(lambda: card(drop["id"]) is None or card(drop["id"]) != before, timeout_s=5)
        assert seller.look(drop["id"])["state"] == "SOLD_OUT"

    def test_a_drop_that_was_not_there_is_seen_when_it_is(
        self, seller: Seller, products: Products, make_product: Callable[..., Product]
    ) -> None:
        drop_id, product = str(uuid.uuid4()), make_product()
        assert seller.ask(LOOK, id=drop_id) is None
        begin = datetime.now(UTC)
        products.schedule_drop(drop_id=drop_id, product_id=product.id, drop=NewDrop(begin, begin + timedelta(hours=1), 5))
        eventually(lambda: (seller.ask(LOOK, id=drop_id) or {}).get("productId") == product.id, timeout_s=5)


@pytest.fixture(scope="module")
def fifty(products: Products, make_product: Callable[..., Product], member: Callable[..., Member]) -> tuple[str, list[str]]:
    """The creator of fifty drops of ten products, and those drops."""
    creator_id = member("Busy", Role.CREATOR).id
    begin = datetime.now(UTC)
    drop = NewDrop(begin, begin + timedelta(hours=1), 5)
    wanted = [(str(uuid.uuid4()), product.id) for product in [make_product(creator_id) for _ in range(10)] for _ in range(5)]
    for drop_id, product_id in wanted:
        products.schedule_drop(drop_id=drop_id, product_id=product_id, drop=drop)
    return creator_id, [drop_id for drop_id, _ in wanted]


@pytest.mark.parametrize(
    ("selection", "rpcs"),
    [
        ("id state stock{available}", []),
        ("id product{name} stock{available}", ["products.get_products"]),
        ("id creator{displayName} stock{available}", ["users.get_profiles"]),
        ("id creator{id} product{name creator{displayName}} stock{available}", ["users.get_profiles", "products.get_products"]),
    ],
)
def test_a_page_of_fifty_costs_an_rpc_of_each_kind(
    selection: str,
    rpcs: list[str],
    fifty: tuple[str, list[str]],
    orders: Orders,
    stack: Stack,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    creator_id, drop_ids = fifty
    eventually(lambda: len(orders.get_stocks(drop_ids=drop_ids)) == 50)
    query = f'{{drops(creatorId:"{creator_id}",first:50){{edges{{node{{{selection}}}}}}}}}'
    with gateway_with(stack, metrics, monkeypatch) as (gateway, app):
        made = rpcs_of(gateway, monkeypatch)
        body: Any = app.test_client().post("/graphql", json={"query": query}).json
        _hide_stocks(gateway, drop_ids[:20])
        app.test_client().post("/graphql", json={"query": query})
    edges = body["data"]["drops"]["edges"]
    assert [edge["node"]["stock"]["available"] for edge in edges] == [5] * 50
    assert made == ["products.list_drops", *rpcs, "products.list_drops", "orders.get_stocks", *rpcs]


def _hide_stocks(gateway: Gateway, drop_ids: list[str]) -> None:
    """As when Redis has lost them."""
    client = redis.Redis.from_url(gateway.settings.redis_url.get_secret_value())
    client.delete(*(entry_key("stock", drop_id) for drop_id in drop_ids))
    client.close()
