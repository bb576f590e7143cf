"""What the push workers are given by nameko, opened once a process: the stores, the lines to users and to receivers, and a publisher."""

import socket
from functools import partial
from typing import Any

import eventlet
from eventlet import patcher, tpool
from nameko.extensions import DependencyProvider, SharedExtension

from services.contracts.users import Users
from services.kernel.process import process
from services.kernel.publisher import EventPublisher
from services.kernel.rpc_client import RpcClient
from services.notifications.providers import Stores
from services.notifications.push.delivering import Workshop
from services.notifications.push.mails import Mailer
from services.notifications.push.outbound import Outbound
from services.notifications.push.planning import Planner
from services.notifications.push.sending import Mail, Sender
from services.notifications.push.settings import PushSettings
from services.notifications.push.unsubscribing import Unsubscribing
from services.notifications.push.web_push import Vapid

# The system's resolver would hold up all green threads: it is asked in a thread of its own.
_ask = patcher.original("socket").getaddrinfo


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as DNS has them now. Raises OSError."""
    found = tpool.execute(_ask, host, port, socket.AF_UNSPEC, socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Lines(SharedExtension):  # type: ignore[misc]
    """The lines to the broker, to users and to receivers, one each for all of a process."""

    def setup(self) -> None:
        here = process()
        assert isinstance(here.settings, PushSettings)
        self.settings = here.settings
        url, unit = self.settings.broker_url.get_secret_value(), self.settings.unit
        self._rpc = RpcClient(url, unit, here.metrics)
        self.publisher = EventPublisher(url, unit)
        here.require("broker", self._rpc.check)
        here.require("publisher", self.publisher.check)
        self.users = self._rpc.service("users", Users)
        self.sender = _sender(self.settings)

    def start(self) -> None:
        self._rpc.start()
        self.publisher.start()

    def stop(self) -> None:
        self._rpc.stop()
        self.publisher.stop()
        self.sender.close()


class PlannerProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Planner."""

    stores, lines = Stores(), Lines()

    def start(self) -> None:
        store, lines = self.stores.store, self.lines
        self._planner = Planner(
            store.fan_outs,
            store.reminders,
            lines.users,
            lines.publisher,
            lines.settings.lives(),
            process().metrics,
            lines.settings.push_chunk,
        )

    def get_dependency(self, worker_ctx: Any) -> Planner:
        return self._planner


class WorkshopProvider(DependencyProvider):  # type: ignore[misc]
    """Injects Workshop."""

    stores, lines = Stores(), Lines()

    def start(self) -> None:
        stores, lines = self.stores, self.lines
        self._shop = Workshop(
            stores.store,
            stores.live,
            lines.settings.lives(),
            lines.users,
            lines.publisher,
            lines.sender,
            lines.settings.patience(),
            process().metrics,
            eventlet.GreenPool(lines.settings.push_at_once),
            process().stopping,
        )

    def get_dependency(self, worker_ctx: Any) -> Workshop:
        return self._shop


def _sender(settings: PushSettings) -> Sender:
    outbound = Outbound(resolve, settings.push_anywhere, settings.push_at_once)
    vapid, mail = None, None
    if settings.vapid_key is not None:
        vapid = Vapid(settings.vapid_key.get_secret_value(), settings.vapid_subject or settings.public_url)
    if settings.smtp_url is not None and settings.mail_from is not None:
        unsubscribing = Unsubscribing(settings.cursor_key.get_secret_value().encode())
        mail = Mail(Mailer(settings.smtp_url.get_secret_value()), settings.mail_from, partial(unsubscribing.link, settings.public_url))
    return Sender(outbound, vapid, mail)
