"""The event entrypoint of products: whether a drop is sold out, as orders tells it, and which drops gateways must read anew."""

from services.contracts.events import Event
from services.kernel import drop_cards
from services.kernel.event_entrypoint import event_handler
from services.products.providers import CacheProvider, ShelfProvider
from services.products.settings import ProductsSettings

_OF_STOCK = ("drop.sold_out", "drop.restocked")


class StockNews:
    name = "products-stock"
    settings_class = ProductsSettings

    shelf = ShelfProvider()
    cache = CacheProvider()

    @event_handler("products.stock")
    def apply(self, events: list[Event]) -> None:
        stocks = [event for event in events if event.type in _OF_STOCK]
        if stocks:
            self.shelf.tell_stock([(event.data["drop_id"], event.type == "drop.sold_out", event.data["version"]) for event in stocks])
        # After the transaction: a card that is read from here on is a new one. Who watches the drop live reads it at once.
        drop_cards.forget(self.cache, {_drop_of(event) for event in events})


def _drop_of(event: Event) -> str:
    drop_id: str = event.data["drop_id"] if event.type in _OF_STOCK else event.data["drop"]["id"]
    return drop_id
