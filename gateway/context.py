"""What one process of the gateway has, and what one request knows."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.checkout import Checkout
from gateway.live_stocks import LiveStocks
from gateway.loaders import Loaders
from gateway.rate_limits import Allowance, RateLimits
from gateway.settings import GatewaySettings
from gateway.shared_reads import SharedReads
from gateway.sightings import Sightings
from gateway.sold_out import SoldOutDrops
from gateway.tokens import Tokens
from services.contracts.analytics import Analytics
from services.contracts.errors import Unauthenticated
from services.contracts.notifications import Notifications
from services.contracts.orders import Orders
from services.contracts.products import Products
from services.contracts.search import Search
from services.contracts.users import Users
from services.kernel.cache import Cache
from services.kernel.calls import Viewer
from services.kernel.drop_cards import DropCards
from services.kernel.process import Process
from services.kernel.rpc_client import RpcClient
from services.kernel.shown_stock import ShownStock
from services.kernel.tokens import SignIn
from services.kernel.tracing import Span


class Gateway:
    """The parts of one gateway process."""

    def __init__(self, process: Process) -> None:
        settings = process.settings
        assert isinstance(settings, GatewaySettings)
        self.settings = settings
        self.process = process
        self.rpc = RpcClient(settings.broker_url.get_secret_value(), settings.unit, process.metrics)
        cache = Cache(settings.redis_url.get_secret_value(), process.metrics, settings.redis_deadline_s)
        process.require("broker", self.rpc.check)
        process.prefer("redis", cache.check)
        self.orders: Orders = self.rpc.service("orders", Orders)
        self.users: Users = self.rpc.service("users", Users)
        self.shared_reads = SharedReads(self.users)
        self.products: Products = self.rpc.service("products", Products)
        self.search: Search = self.rpc.service("search", Search)
        self.notifications: Notifications = self.rpc.service("notifications", Notifications)
        self.cards = DropCards(cache, lambda drop_ids: self.products.get_drops(drop_ids=list(drop_ids)))
        shown = ShownStock(cache)
        self.stocks = LiveStocks(shown, self.orders)
        self.sold_out = SoldOutDrops(shown)
        self.analytics: Analytics = self.rpc.service("analytics", Analytics)
        self.sightings = Sightings(self.analytics, process.metrics, settings.sightings_waiting)
        self.checkout = Checkout(self.orders, self.sold_out, self.sightings, settings)
        self.tokens = Tokens(
            settings.jwt_key.get_secret_value(), settings.jwt_issuer, settings.access_token_minutes * 60, settings.jwt_other_public_keys
        )
        self._by_person = RateLimits(cache, Allowance("person", settings.person_points_per_s, settings.person_points_burst))
        self._by_address = RateLimits(cache, Allowance("address", settings.address_points_per_s, settings.address_points_burst))

    def charge(self, viewer: Viewer | None, address: str, points: int) -> None:
        """Count a request against its person and its address. Raises RateLimited."""
        self._by_address.spend(address, points)
        if viewer:
            self._by_person.spend(viewer.id, points)


@dataclass(frozen=True, slots=True)
class Visit:
    """One HTTP request. began: on time.perf_counter()."""

    began: float
    address: str
    viewer: Viewer | None
    correlation_id: str
    end_call: Callable[[], None]
    # When the viewer's access token runs out, in seconds since 1970.
    until: float = 0.0
    span: Span | None = None


class RequestContext:
    """What a resolver works with."""

    __slots__ = ("_loaders", "gateway", "viewer", "visit")

    def __init__(self, gateway: Gateway, visit: Visit) -> None:
        self.gateway = gateway
        self.visit = visit
        self.viewer = visit.viewer
        self._loaders: Loaders | None = None

    @property
    def loaders(self) -> Loaders:
        """Made when first asked for: an order needs none."""
        if self._loaders is None:
            self._loaders = Loaders(self.gateway, self.viewer)
        return self._loaders

    def charge(self, points: int) -> None:
        """Count this request against its person and its address. Raises RateLimited."""
        self.gateway.charge(self.viewer, self.visit.address, points)

    def require_viewer(self) -> Viewer:
        """The signed-in person. Raises Unauthenticated."""
        if self.viewer is None:
            raise Unauthenticated()
        return self.viewer

    def require_sign_in(self) -> SignIn:
        """The same, and until when. Raises Unauthenticated."""
        return SignIn(self.require_viewer(), self.visit.until)
