"""The RPC entrypoints of orders."""

from datetime import datetime

from services.contracts.orders import (
    ChangeStock,
    OpenStock,
    Order,
    OrderPage,
    Orders,
    Placement,
    PlaceOrder,
    Reconciliation,
    Stock,
    Terms,
)
from services.contracts.tallies import Tallies
from services.kernel.current_call import CurrentCall
from services.kernel.rpc_server import rpc
from services.orders import usecases
from services.orders.providers import SalesProvider
from services.orders.settings import OrdersSettings


class OrdersService:
    name = "orders"
    contract = Orders
    settings_class = OrdersSettings

    sales = SalesProvider(asks_products=True)
    call = CurrentCall()

    @rpc
    def place_order(self, *, request: PlaceOrder) -> Order:
        return usecases.place_order(self.sales, request, self.call)

    @rpc
    def place_many(self, *, requests: list[PlaceOrder]) -> list[Placement]:
        return usecases.place_many(self.sales, requests, self.call)

    @rpc
    def get_order(self, *, order_id: str) -> Order:
        return usecases.get_order(self.sales, order_id, self.call)

    @rpc
    def cancel_order(self, *, order_id: str, reason: str) -> Order:
        return usecases.cancel_order(self.sales, order_id, reason, self.call)

    @rpc
    def list_orders(self, *, user_id: str, first: int, after: str | None) -> OrderPage:
        return usecases.list_orders(self.sales, user_id, first, after, self.call)

    @rpc
    def get_stock(self, *, drop_id: str) -> Stock:
        return usecases.get_stock(self.sales, drop_id, self.call)

    @rpc
    def get_stocks(self, *, drop_ids: list[str]) -> list[Stock]:
        return usecases.get_stocks(self.sales, drop_ids)

    @rpc
    def open_stock(self, *, stock: OpenStock) -> Stock:
        return usecases.open_stock(self.sales, stock, self.call)

    @rpc
    def set_terms(self, *, terms: Terms) -> Stock:
        return usecases.set_terms(self.sales, terms, self.call)

    @rpc
    def change_stock(self, *, change: ChangeStock) -> Stock:
        return usecases.change_stock(self.sales, change, self.call)

    @rpc
    def close_stock(self, *, drop_id: str, reason: str) -> Stock:
        return usecases.close_stock(self.sales, drop_id, reason, self.call)

    @rpc
    def tally_sales(self, *, drop_id: str, until: datetime) -> Tallies:
        return usecases.tally_sales(self.sales, drop_id, until, self.call)

    @rpc
    def reconcile(self, *, after: str | None, first: int) -> Reconciliation:
        self.call.require_operator()
        return usecases.reconcile(self.sales, after, first)
