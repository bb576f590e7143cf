"""Products and drops through the RPCs of the products service, and what orders makes of them."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.contracts.errors import Conflict, DropFixed, Ended, InvalidInput, NotFound, NotStarted, StaleVersion
from services.contracts.orders import Orders, OrderStatus, PlaceOrder, StockState
from services.contracts.products import Drop, DropChange, DropState, NewDrop, NewProduct, Product, ProductChange, Products
from services.contracts.values import Money
from tests.conftest import eventually

PRICE = Money(4900, "EUR")


def new_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="session")
def make_drop(products: Products, make_product: Callable[..., Product]) -> Callable[..., Drop]:
    """A drop that is live from now on, or starts in so many seconds."""

    def make(starts_in_s: float = 0, product: Product | None = None, **changes: Any) -> Drop:
        begin = datetime.now(UTC) + timedelta(seconds=starts_in_s)
        drop = NewDrop(**{"starts_at": begin, "ends_at": begin + timedelta(hours=1), "stock": 10, **changes})
        return products.schedule_drop(drop_id=new_id(), product_id=(product or make_product()).id, drop=drop)

    return make


def buy(orders: Orders, drop: Drop, quantity: int = 1, user_id: str | None = None) -> Any:
    return orders.place_order(request=PlaceOrder(drop.id, user_id or new_id(), quantity, new_id()))


class TestProducts:
    def test_a_product_is_made_once_under_its_id(self, products: Products) -> None:
        product_id, creator_id = new_id(), new_id()
        request = NewProduct("Shoe", PRICE, "A shoe.\nReally.", ["running", "red", "running"])
        first = products.create_product(product_id=product_id, creator_id=creator_id, product=request)
        assert products.create_product(product_id=product_id, creator_id=creator_id, product=request) == first
        assert (first.tags, first.version, first.creator_id) == (["running", "red"], 1, creator_id)
        with pytest.raises(Conflict):
            products.create_product(product_id=product_id, creator_id=creator_id, product=NewProduct("Other", PRICE))

    def test_a_change_raises_the_version_and_a_stale_one_is_refused(self, products: Products, make_product: Callable[..., Product]) -> None:
        product = make_product()
        changed = products.update_product(product_id=product.id, expected_version=1, change=ProductChange(name="Better", tags=["new"]))
        assert (changed.name, changed.tags, changed.version, changed.price) == ("Better", ["new"], 2, product.price)
        again = products.update_product(product_id=product.id, expected_version=1, change=ProductChange(name="Better"))
        assert again == changed
        with pytest.raises(StaleVersion) as stale:
            products.update_product(product_id=product.id, expected_version=1, change=ProductChange(name="Worse"))
        assert stale.value.data["version"] == 2

    def test_lists_go_on_by_cursor_and_by_page(self, products: Products, make_product: Callable[..., Product]) -> None:
        creator_id = new_id()
        made = [make_product(creator_id).id for _ in range(5)]
        first = products.list_products(creator_id=creator_id, first=2)
        rest = products.list_products(creator_id=creator_id, first=5, after=first.next)
        assert [product.id for product in (*first.products, *rest.products)] == made[::-1]
        assert rest.next is None
        second = products.list_products(creator_id=creator_id, first=2, page=2)
        assert [product.id for product in second.products] == made[::-1][2:4]
        with pytest.raises(InvalidInput):
            products.list_products(creator_id=creator_id, after=first.next, page=2)
        with pytest.raises(InvalidInput):
            products.list_products(creator_id=new_id(), after=first.next)

    def test_those_that_are_not_there_are_left_out(self, products: Products, make_product: Callable[..., Product]) -> None:
        one, two = make_product(), make_product()
        assert products.get_products(product_ids=[two.id, new_id(), one.id]) == [two, one]
        with pytest.raises(NotFound):
            products.get_product(product_id=new_id())


class TestDrops:
    def test_a_drop_can_be_bought_at_once(self, orders: Orders, products: Products, make_drop: Callable[..., Drop]) -> None:
        drop = make_drop(stock=3)
        order = buy(orders, drop, 2)
        assert (order.name, order.unit_price, order.status) == ("A shirt", PRICE, OrderStatus.CONFIRMED)
        stock = orders.get_stock(drop_id=drop.id)
        assert (stock.total, stock.sold, stock.creator_id) == (3, 2, drop.creator_id)

    def test_it_is_scheduled_once_under_its_id(self, products: Products, make_product: Callable[..., Product]) -> None:
        product, drop_id = make_product(), new_id()
        begin = datetime.now(UTC) + timedelta(hours=1)
        request = NewDrop(begin, begin + timedelta(hours=1), 5, 2, Money(100, "USD"), {"colour": "red"})
        first = products.schedule_drop(drop_id=drop_id, product_id=product.id, drop=request)
        assert products.schedule_drop(drop_id=drop_id, product_id=product.id, drop=request) == first
        assert (first.state, first.unit_price, first.metadata) == (DropState.SCHEDULED, Money(100, "USD"), {"colour": "red"})
        with pytest.raises(Conflict):
            products.schedule_drop(drop_id=drop_id, product_id=make_product().id, drop=request)

    @pytest.mark.parametrize(("starts", "ends"), [(-3600, 3600), (10, 5), (-7200, -3600)])
    def test_a_window_that_makes_no_sense_is_refused(self, make_drop: Callable[..., Drop], starts: int, ends: int) -> None:
        now = datetime.now(UTC)
        with pytest.raises(InvalidInput):
            make_drop(starts_at=now + timedelta(seconds=starts), ends_at=now + timedelta(seconds=ends))

    def test_before_its_start_everything_can_change(self, orders: Orders, products: Products, make_drop: Callable[..., Drop]) -> None:
        drop = make_drop(starts_in_s=3600)
        change = DropChange(
            starts_at=datetime.now(UTC) + timedelta(seconds=1), stock=7, per_user_limit=2, unit_price=Money(1, "EUR"), metadata={"a": "b"}
        )
        changed = products.change_drop(drop_id=drop.id, expected_version=1, change=change)
        assert (changed.version, changed.stock, changed.per_user_limit, changed.metadata) == (2, 7, 2, {"a": "b"})
        stock = orders.get_stock(drop_id=drop.id)
        assert (stock.total, stock.per_user_limit, stock.unit_price, stock.starts_at) == (7, 2, Money(1, "EUR"), changed.starts_at)
        assert products.change_drop(drop_id=drop.id, expected_version=1, change=change).version == 2

    def test_once_live_the_stock_grows_and_shrinks_to_what_is_sold(
        self, orders: Orders, products: Products, make_drop: Callable[..., Drop]
    ) -> None:
        drop = make_drop(stock=10)
        buy(orders, drop, 4)
        grown = products.change_drop(drop_id=drop.id, expected_version=1, change=DropChange(stock=20))
        with pytest.raises(Conflict) as refused:
            products.change_drop(drop_id=drop.id, expected_version=grown.version, change=DropChange(stock=3))
        assert refused.value.data["sold"] == 4
        assert products.get_drop(drop_id=drop.id) == grown
        products.change_drop(drop_id=drop.id, expected_version=grown.version, change=DropChange(stock=4))
        assert orders.get_stock(drop_id=drop.id).state is StockState.SOLD_OUT
        for change in (DropChange(starts_at=datetime.now(UTC) + timedelta(hours=1)), DropChange(unit_price=Money(1, "EUR"))):
            with pytest.raises(DropFixed):
                products.change_drop(drop_id=drop.id, expected_version=3, change=change)

    def test_ending_early_keeps_what_was_sold(self, orders: Orders, products: Products, make_drop: Callable[..., Drop]) -> None:
        drop = make_drop()
        order = buy(orders, drop)
        ended = products.end_drop(drop_id=drop.id)
        assert ended.state is DropState.ENDED
        assert products.end_drop(drop_id=drop.id) == ended
        with pytest.raises(Ended):
            buy(orders, drop)
        assert orders.get_order(order_id=order.id).status is OrderStatus.CONFIRMED
        with pytest.raises(Ended):
            products.change_drop(drop_id=drop.id, expected_version=2, change=DropChange(stock=50))
        with pytest.raises(NotStarted):
            products.end_drop(drop_id=make_drop(starts_in_s=3600).id)

    def test_cancelling_gives_every_unit_back(self, orders: Orders, products: Products, make_drop: Callable[..., Drop]) -> None:
        drop = make_drop()
        bought = [buy(orders, drop, 2) for _ in range(3)]
        cancelled = products.cancel_drop(drop_id=drop.id, reason="the factory burned down")
        assert cancelled.state is DropState.CANCELLED
        assert products.cancel_drop(drop_id=drop.id, reason="again").version == cancelled.version
        with pytest.raises(Ended):
            buy(orders, drop)
        eventually(lambda: all(orders.get_order(order_id=order.id).status is OrderStatus.CANCELLED for order in bought))
        stock = orders.get_stock(drop_id=drop.id)
        assert (stock.available, stock.sold) == (10, 0)
        with pytest.raises(Conflict):
            products.change_drop(drop_id=drop.id, expected_version=cancelled.version, change=DropChange(stock=50))

    def test_lists_by_state_and_creator(
        self, orders: Orders, products: Products, make_product: Callable[..., Product], make_drop: Any
    ) -> None:
        product = make_product()
        live, coming, sold_out, over, gone = (make_drop(0 if n != 1 else 3600, product, stock=1) for n in range(5))
        buy(orders, sold_out)
        products.end_drop(drop_id=over.id)
        products.cancel_drop(drop_id=gone.id, reason="x")
        expected = {
            DropState.LIVE: live,
            DropState.SCHEDULED: coming,
            DropState.SOLD_OUT: sold_out,
            DropState.ENDED: over,
            DropState.CANCELLED: gone,
        }

        def listed(state: DropState | None) -> list[str]:
            return [drop.id for drop in products.list_drops(state=state, creator_id=product.creator_id).drops]

        eventually(lambda: listed(DropState.SOLD_OUT) == [sold_out.id])
        assert {state: listed(state) for state in expected} == {state: [drop.id] for state, drop in expected.items()}
        everything = listed(None)
        assert everything[0] == coming.id
        first = products.list_drops(creator_id=product.creator_id, first=2)
        rest = products.list_drops(creator_id=product.creator_id, first=5, after=first.next)
        assert [drop.id for drop in (*first.drops, *rest.drops)] == everything
        assert {drop.id: drop.state for drop in (*first.drops, *rest.drops)} == {drop.id: state for state, drop in expected.items()}

    def test_units_that_come_back_make_it_live_again(self, orders: Orders, products: Products, make_drop: Callable[..., Drop]) -> None:
        drop = make_drop(stock=1)
        order = buy(orders, drop)
        eventually(lambda: products.get_drop(drop_id=drop.id).state is DropState.SOLD_OUT)
        orders.cancel_order(order_id=order.id, reason="x")
        eventually(lambda: products.get_drop(drop_id=drop.id).state is DropState.LIVE)
