"""The event entrypoint of products: whether a drop is sold out, as orders tells it."""

from services.contracts.events import Event
from services.kernel.event_entrypoint import event_handler
from services.products.providers import ShelfProvider
from services.products.settings import ProductsSettings


class StockNews:
    name = "products-stock"
    settings_class = ProductsSettings

    shelf = ShelfProvider()

    @event_handler("products.stock")
    def apply(self, events: list[Event]) -> None:
        self.shelf.tell_stock([(event.data["drop_id"], event.type == "drop.sold_out", event.data["version"]) for event in events])
