"""Products and drops in the gateway, without a server."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from graphql import ExecutionResult, graphql_sync
from msgspec import structs

from gateway import inputs, presenters
from gateway.context import Gateway, RequestContext, Visit
from gateway.live_stocks import LiveStocks
from gateway.schema import load_schema
from services.contracts.errors import DropFixed, InvalidInput, StaleVersion, VersionMissing
from services.contracts.orders import Orders, Stock, StockState
from services.contracts.products import Drop, DropChange, DropPage, DropState, NewDrop, NewProduct, Product, ProductPage
from services.contracts.values import Money
from services.kernel import ids, problems
from services.kernel.calls import Viewer
from services.kernel.shown_stock import ShownStock

NOW = datetime.now(UTC)
PRICE = Money(4900, "EUR")
SCHEMA = load_schema()
CREATOR = str(uuid.uuid4())


def some_id() -> str:
    return str(uuid.uuid4())


def stock_of(drop: Drop, **changes: Any) -> Stock:
    book = (drop.name, drop.starts_at, drop.ends_at, drop.stock, drop.stock, 0, 0, drop.unit_price, drop.per_user_limit)
    return structs.replace(Stock(drop.id, drop.creator_id, *book, 1, StockState.LIVE), **changes)


def some_drop(product_id: str | None = None, **changes: Any) -> Drop:
    times = {"starts_at": NOW - timedelta(hours=1), "ends_at": NOW + timedelta(hours=1), "created_at": NOW, "updated_at": NOW}
    terms: dict[str, Any] = {"stock": 10, "per_user_limit": None, "unit_price": PRICE, "metadata": {}, "cancelled_at": None, "version": 1}
    fields = {"id": some_id(), "product_id": product_id or some_id(), "creator_id": CREATOR, "name": "x", "state": DropState.LIVE}
    return Drop(**{**fields, **times, **terms, **changes})


class Mesh:
    """Products, drop cards and stocks of this process, which note what they are asked. unheard: drops that orders does not know yet."""

    def __init__(self, *drops: Drop, unheard: Sequence[Drop] = ()) -> None:
        self.all = {drop.id: drop for drop in (*drops, *unheard)}
        self.known = {drop.id: stock_of(drop) for drop in drops}
        self.asked: list[str] = []
        self.products = self.cards = self.stocks = self.gateway = self

    def get(self, drop_ids: Sequence[str]) -> dict[str, Any]:
        self.asked.append(f"get {len(drop_ids)}")
        return {id: self.known[id] for id in drop_ids if id in self.known}

    def forget(self, drop_ids: Sequence[str]) -> None:
        self.asked.append("forget")

    def list_drops(self, **wanted: Any) -> DropPage:
        self.asked.append("list_drops")
        return DropPage(list(self.all.values())[: wanted["first"]], "next")

    def list_products(self, **wanted: Any) -> ProductPage:
        return ProductPage([self._product(drop.product_id) for drop in self.all.values()], None)

    def get_products(self, *, product_ids: list[str]) -> list[Product]:
        self.asked.append("get_products")
        return [self._product(id) for id in product_ids]

    def create_product(self, *, product_id: str, creator_id: str, product: NewProduct) -> Product:
        self.asked.append(product_id)
        return structs.replace(self._product(product_id), name=product.name, price=product.price)

    def change_drop(self, *, drop_id: str, expected_version: int, change: DropChange) -> Drop:
        if expected_version != self.all[drop_id].version:
            raise StaleVersion(version=self.all[drop_id].version)
        if change.unit_price:
            raise DropFixed(field="unit_price")
        changed = structs.replace(self.all[drop_id], stock=change.stock or 0, version=expected_version + 1)
        self.known[drop_id] = stock_of(changed)
        return changed

    def _product(self, product_id: str) -> Product:
        return Product(product_id, CREATOR, "x", PRICE, "", [], [], 1, NOW, NOW)


def run(mesh: Mesh, query: str, **variables: Any) -> ExecutionResult:
    visit = Visit(0.0, "here", Viewer(CREATOR), "id", lambda: None)
    return graphql_sync(SCHEMA, query, context_value=RequestContext(cast(Gateway, mesh), visit), variable_values=variables)


def data_of(answer: ExecutionResult) -> Any:
    assert answer.errors is None
    return answer.data


class TestDrops:
    def test_a_page_brings_its_stocks_and_products_together(self) -> None:
        mesh = Mesh(*(some_drop() for _ in range(50)))
        data = data_of(run(mesh, "{drops(first:50){edges{cursor node{id state product{name}}} pageInfo{hasNextPage endCursor}}}"))
        assert [edge["node"]["state"] for edge in data["drops"]["edges"]] == ["LIVE"] * 50
        assert [edge["cursor"] for edge in data["drops"]["edges"]] == [None] * 49 + ["next"]
        assert mesh.asked == ["list_drops", "get 50", "get_products"]

    def test_one_announced_a_moment_ago_is_whole(self) -> None:
        drop = some_drop()
        data = data_of(run(Mesh(unheard=[drop]), "{drops(first:1){edges{node{state stock{total available sold}}}}}"))
        assert data["drops"]["edges"] == [{"node": {"state": "LIVE", "stock": {"total": 10, "available": 10, "sold": 0}}}]

    def test_a_change_shows_the_new_stock_and_forgets_the_card(self) -> None:
        drop = some_drop()
        mesh = Mesh(drop)
        change = "changeDrop(input:{id:$id,expectedVersion:%d,stock:%d}){drop{version stock{total}} userErrors{code}}"
        data = data_of(run(mesh, f"mutation($id:ID!){{a:{change % (1, 20)} b:{change % (1, 30)}}}", id=drop.id))
        assert data["a"] == {"drop": {"version": 2, "stock": {"total": 20}}, "userErrors": []}
        assert mesh.asked.count("forget") == 2

    def test_what_a_service_refuses_is_named_as_clients_know_it(self) -> None:
        drop = some_drop()
        query = """mutation($id:ID!,$v:Int!){changeDrop(input:{id:$id,expectedVersion:$v,unitPrice:{amount:1,currency:"EUR"}}){
            drop{id} userErrors{code field}}}"""
        errors = [data_of(run(Mesh(drop), query, id=drop.id, v=v))["changeDrop"]["userErrors"] for v in (1, 5)]
        assert errors == [[{"code": "DROP_FIXED", "field": "unitPrice"}], [{"code": "STALE_VERSION", "field": None}]]

    def test_a_products_id_comes_from_the_viewer_and_the_key(self) -> None:
        mesh = Mesh()
        query = """mutation{createProduct(input:{idempotencyKey:"k",name:"Shoe",price:{amount:4900,currency:"EUR"}}){
            product{id name price{amount}} userErrors{code field}}}"""
        product = data_of(run(mesh, query))["createProduct"]["product"]
        assert product == {"id": ids.derived_id("product", CREATOR, "k"), "name": "Shoe", "price": {"amount": 4900}}


class TestShown:
    @pytest.mark.parametrize("state", StockState)
    def test_the_stock_decides_the_state(self, state: StockState) -> None:
        drop = some_drop(state=DropState.SCHEDULED)
        assert presenters.drop(stock_of(drop, state=state), drop)["state"] == state.value

    def test_but_a_cancelled_drop_is_cancelled(self) -> None:
        drop = some_drop(cancelled_at=NOW)
        assert presenters.drop(stock_of(drop, state=StockState.ENDED), drop)["state"] == "CANCELLED"

    def test_what_it_is_sold_by_is_what_is_shown(self) -> None:
        drop = some_drop()
        shown = presenters.drop(stock_of(drop, unit_price=Money(1, "EUR")), drop)
        assert (shown["unitPrice"]["amount"], shown["productId"]) == (1, drop.product_id)


class TestLiveStocks:
    def test_only_what_is_not_shown_is_asked_for(self) -> None:
        drops = [some_drop() for _ in range(3)]
        stocks = {drop.id: stock_of(drop) for drop in drops}
        asked: list[list[str]] = []

        class Both:
            def look_at_many(self, drop_ids: Sequence[str]) -> dict[str, Stock]:
                return {id: stocks[id] for id in drop_ids[:1]}

            def get_stocks(self, *, drop_ids: list[str]) -> list[Stock]:
                asked.append(drop_ids)
                return [stocks[id] for id in drop_ids]

        desk = LiveStocks(cast(ShownStock, Both()), cast(Orders, Both()))
        assert desk.get(list(stocks)) == stocks
        assert asked == [list(stocks)[1:]]
        desk.get(list(stocks)[:1])
        assert len(asked) == 1


class TestInputs:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({}, "startsAt"),
            ({"startsAt": None}, "startsAt"),
            ({"startsAt": "2026-01-01"}, "startsAt"),
            ({"startsAt": "2026-01-01T00:00:00"}, "startsAt"),
            ({"stock": True}, "stock"),
            ({"perUserLimit": "5"}, "perUserLimit"),
            ({"unitPrice": {"amount": 1}}, "unitPrice"),
            ({"unitPrice": {"amount": 1, "currency": "EUR", "more": 1}}, "unitPrice"),
            ({"unitPrice": {"amount": 10**13, "currency": "EUR"}}, "unitPrice.amount"),
            ({"metadata": {"a": 1}}, "metadata"),
            ({"metadata": {"a b": "x"}}, "metadata"),
        ],
    )
    def test_a_wrong_field_is_named_as_clients_know_it(self, fields: dict[str, Any], field: str) -> None:
        sound = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T01:00:00+02:00", "stock": 1} if fields else {}
        with pytest.raises(InvalidInput) as refused:
            inputs.payload(NewDrop, {**sound, **fields})
        assert refused.value.data["field"] == field

    def test_null_is_as_good_as_left_out(self) -> None:
        price = {"amount": 1, "currency": "EUR"}
        assert inputs.payload(NewProduct, {"name": "x", "price": price, "tags": None}) == NewProduct("x", Money(1, "EUR"))

    @pytest.mark.parametrize(("sent", "amount"), [(4900.0, 4900), (1.5, 1.5), (None, None)])
    def test_a_whole_amount_is_an_integer(self, sent: float | None, amount: float | None) -> None:
        made = inputs.whole_amount({"amount": sent})["amount"]
        assert (made, type(made)) == (amount, type(amount))

    @pytest.mark.parametrize(
        ("limit", "after", "number", "expected"),
        [("20", None, None, (20, None, 1)), ("5", None, "3", (5, None, 3)), ("5", "abc", None, (5, "abc", None))],
    )
    def test_a_page_is_by_number_or_by_cursor(self, limit: str, after: str | None, number: str | None, expected: object) -> None:
        page = inputs.numbered_page(limit, after, number)
        assert (page.first, page.after, page.number) == expected

    @pytest.mark.parametrize(
        ("limit", "after", "number", "field"),
        [
            ("0", None, None, "limit"),
            ("5", "a b", None, "after"),
            ("5", None, "0", "page"),
            ("5", None, "1001", "page"),
            ("5", "a", "1", "page"),
        ],
    )
    def test_a_strange_page_is_refused_by_name(self, limit: str, after: str | None, number: str | None, field: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            inputs.numbered_page(limit, after, number)
        assert refused.value.data["field"] == field

    def test_a_metadata_key_comes_once(self) -> None:
        assert inputs.metadata([{"key": "a", "value": "x"}]) == {"a": "x"}
        assert inputs.metadata(None) is None
        with pytest.raises(InvalidInput):
            inputs.metadata([{"key": "a", "value": "x"}, {"key": "a", "value": "y"}])


def test_a_missing_version_and_a_stale_one_have_their_own_status() -> None:
    assert [problems.status_of(error) for error in (VersionMissing(), StaleVersion(), InvalidInput())] == [428, 409, 400]
