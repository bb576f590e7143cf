"""The event entrypoints of orders: the read model of a person's orders, and what sellers announce. Units of their own, so that they never
slow a sale."""

import msgspec

from services.contracts.events import DropTold, Event
from services.contracts.products import terms_of
from services.kernel.current_call import CurrentCall
from services.kernel.event_entrypoint import event_handler
from services.orders import usecases
from services.orders.providers import SalesProvider
from services.orders.settings import OrdersSettings
from services.orders.views import CONSUMER


class OrderViews:
    name = "orders-views"
    settings_class = OrdersSettings

    sales = SalesProvider()

    @event_handler(CONSUMER)
    def apply(self, events: list[Event]) -> None:
        self.sales.views.apply(events)


class OrderTerms:
    """Terms may come twice, late and in any order: a stock goes by the highest version."""

    name = "orders-terms"
    settings_class = OrdersSettings

    sales = SalesProvider()
    call = CurrentCall()

    @event_handler("orders.terms")
    def apply(self, events: list[Event]) -> None:
        for event in events:
            told = msgspec.convert(event.data, DropTold)
            usecases.take_terms(self.sales, terms_of(told.drop), self.call)
            if event.type == "drop.cancelled":
                usecases.cancel_drop(self.sales, told.drop.id, told.reason or "the drop was cancelled", self.call)
