"""A nameko consumer that knows whether it is consuming."""

from typing import Any

from nameko.amqp.consume import Consumer

from services.contracts.errors import Unavailable


class WatchedConsumer(Consumer):  # type: ignore[misc]
    """nameko's consumer, for a readiness check."""

    _consuming = False

    def on_consume_ready(self, *args: Any, **kwargs: Any) -> None:
        self._consuming = True
        super().on_consume_ready(*args, **kwargs)

    def on_consume_end(self, *args: Any, **kwargs: Any) -> None:
        self._consuming = False
        super().on_consume_end(*args, **kwargs)

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        self._consuming = False
        super().on_connection_error(exc, interval)

    def check(self) -> None:
        """Raise Unavailable while nothing is consumed."""
        if not self._consuming:
            raise Unavailable("The broker's queue is not being consumed.")
