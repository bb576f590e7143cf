"""All that goes on in a mesh during a sale: buyers, some of whom are told of their orders live and at a webhook, and people who follow and leave."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from services.contracts.notifications import EndpointKind, NewEndpoint, Notifications
from services.contracts.orders import Stock
from services.kernel.shown_stock import ShownStock
from tests.chaos.coming_back import Follower, following_streams, numbers_of
from tests.chaos.following import Circle, Crowd, following
from tests.chaos.sale import Market, Sale, selling
from tests.conftest import Person, eventually
from tests.integration.receiving import Received, Receiver
from tests.integration.streams import opener

# Of the buyers.
WATCHERS = 4
PLENTY = 1_000_000
# The inbox and the streams, whatever was killed.
TOLD_WITHIN_S = 60.0
# What a worker had claimed when it died waits for the end of the claim in a delay queue, and what failed meanwhile for the next step.
PUSHED_WITHIN_S = 240.0
# A follow crowd that leaves the machine to the sale.
FOLLOWS = {"people": 8, "creators": 2, "clients": 2}


@dataclass(frozen=True)
class Scene:
    """What such a life needs of the fixtures."""

    market: Market
    circle: Circle
    notifications: Notifications
    shown: ShownStock
    hooks: Receiver

    def add_hook(self, user_id: str) -> None:
        """Tell this person at a path of the receiver that is theirs."""
        self.notifications.add_endpoint(user_id=user_id, endpoint=NewEndpoint(EndpointKind.WEBHOOK, f"{self.hooks.url}/{user_id}"))


@dataclass
class Life:
    """drop: on sale. spare: another one, for whoever is no part of the sale. followers: buyers with a stream, who have a webhook as well."""

    scene: Scene
    drop: Stock
    spare: Stock
    sale: Sale
    crowd: Crowd
    followers: list[Follower]

    def wait_for_more(self) -> None:
        """Until orders and follows go on."""
        self.sale.wait_for_orders()
        self.crowd.wait_for_answers(10)

    def verify(self) -> None:
        """Each buyer was told of each order once and ends on the current stock. The sale must be over, and the streams not."""
        for follower in self.followers:
            self._check_notes(follower)
        for follower in self.followers:
            self._check_pushes(follower)

    def told_within_s(self) -> tuple[float, float]:
        """The longest times from the answer to a buyer to its news on their stream, and at their webhook."""
        known = {order: at for follower in self.followers for order, at in self._orders_of(follower).items()}
        noted = [(note.data["orderId"], note.at) for follower in self.followers for note in follower.notes()]
        pushed = [(one.json["data"]["orderId"], one.at) for follower in self.followers for one in self._pushed(follower)]
        return _latest(known, noted), _latest(known, pushed)

    def lost_streams(self) -> int:
        return sum(follower.losses for follower in self.followers)

    def pushed_again(self) -> int:
        """Pushes that a webhook was given before, under the same id."""
        pushed = [one.id for follower in self.followers for one in self._pushed(follower)]
        return len(pushed) - len({*pushed})

    def heard_again(self) -> int:
        """Events of the sale that another consumer heard before, under the same id. Somebody must be watching."""
        assert self.sale.witness is not None
        ids = [event.id for event in self.sale.witness.heard("order.confirmed") if event.data["order"]["drop_id"] == self.drop.drop_id]
        return len(ids) - len({*ids})

    def _orders_of(self, follower: Follower) -> dict[str, float]:
        """When each was known to its buyer."""
        return {str(o.order["id"]): o.known_at for o in self.sale.accepted() if o.order and o.user_id == follower.fan.id}

    def _pushed(self, follower: Follower) -> list[Received]:
        return self.scene.hooks.at(f"/{follower.fan.id}")

    def _check_notes(self, follower: Follower) -> None:
        orders = sorted(self._orders_of(follower))
        eventually(lambda: len(follower.notes()) >= len(orders), TOLD_WITHIN_S)
        notes = follower.notes()
        assert sorted(note.data["orderId"] for note in notes) == orders
        assert numbers_of(notes, personal=True) == sorted(set(numbers_of(notes, personal=True)))
        stock = self.scene.market.orders.get_stock(drop_id=self.drop.drop_id)
        eventually(lambda: _last_stock(follower) == (stock.version, stock.available), TOLD_WITHIN_S)

    def _check_pushes(self, follower: Follower) -> None:
        orders = {*self._orders_of(follower)}
        eventually(lambda: {one.json["data"]["orderId"] for one in self._pushed(follower)} >= orders, PUSHED_WITHIN_S, every_s=0.2)
        ids = {(one.json["data"]["orderId"], one.id) for one in self._pushed(follower)}
        assert sorted(order for order, _ in ids) == sorted(orders), "an order was told of under two ids"


def _last_stock(follower: Follower) -> tuple[int, int] | None:
    told = follower.stream.of("stock") if follower.stream else []
    return (told[-1]["version"], told[-1]["available"]) if told else None


def _latest(known: dict[str, float], told: list[tuple[str, float]]) -> float:
    """The longest time from knowing to being told first."""
    first: dict[str, float] = {}
    for order, at in told:
        first[order] = min(at, first.get(order, at))
    return max((at - known[order] for order, at in first.items()), default=0.0)


@contextmanager
def mesh_life(scene: Scene, *, watched: bool = True) -> Iterator[Life]:
    """One for the block. At its end everybody gets their last answers, and everything is verified.

    watched: other consumers count the events as well; their queues do not outlive the broker.
    """
    drop, watchers = scene.market.open_drop(PLENTY), [scene.market.person() for _ in range(WATCHERS)]
    people = itertools.chain(watchers, iter(scene.market.person, None))
    market = replace(scene.market, open_drop=lambda _total: drop, person=lambda: next(people))
    with opener(scene.market.address) as open_stream:
        followers = [Follower(open_stream, fan, drop, _begin(scene, fan)) for fan in watchers]
        with following_streams(followers):
            with following(scene.circle, **FOLLOWS, watched=watched) as crowd, selling(market, watched=watched) as sale:
                life = Life(scene, drop, scene.market.open_drop(PLENTY), sale, crowd, followers)
                yield life
            life.verify()


def _begin(scene: Scene, fan: Person) -> str:
    """Where their stream is now. They are told at their webhook from now on."""
    scene.add_hook(fan.id)
    return scene.notifications.get_live_interests(user_ids=[fan.id])[0].position
