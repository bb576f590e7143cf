"""A broker connection for the length of a command, with the broker's errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pika
from pika.exceptions import AMQPConnectionError, AMQPError, ChannelClosedByBroker, ConnectionClosedByBroker

from cli.addresses import BROKER
from cli.failures import NotConfigured
from services.contracts.errors import Forbidden, LiveDropsError, NotFound, Unavailable

# A person watches: a dead peer is noticed within two of these, and a broker out of memory does not block us for ever.
HEARTBEAT_S = 20
CONNECT_TIMEOUT_S = 5
BLOCKED_TIMEOUT_S = 30
ACCESS_REFUSED = 403
NO_SUCH_THING = 404


@contextmanager
def connected(url: str) -> Iterator[pika.BlockingConnection]:
    """A connection for the block.

    Raises Unavailable where the broker is away or goes away, Forbidden and NotFound where it refuses, NotConfigured for an
    address that is none.
    """
    try:
        connection = pika.BlockingConnection(_parameters(url))
    except (AMQPError, OSError) as error:
        raise _not_connected(error) from error
    try:
        yield connection
    except AMQPError as error:
        raise _told(error) from error
    finally:
        with suppress(AMQPError):
            connection.close()


def check_reachable(url: str) -> None:
    """Raise what `connected` raises, with the reason, where there is no connecting."""
    with connected(url):
        pass


def _parameters(url: str) -> pika.URLParameters:
    try:
        parameters = pika.URLParameters(url)
    except ValueError as error:
        raise NotConfigured(f"{BROKER} is no address of a broker: {error}") from error
    parameters.heartbeat = HEARTBEAT_S
    parameters.socket_timeout = CONNECT_TIMEOUT_S
    parameters.stack_timeout = CONNECT_TIMEOUT_S
    parameters.blocked_connection_timeout = BLOCKED_TIMEOUT_S
    parameters.client_properties = {"connection_name": "livedrops"}
    return parameters


def _not_connected(error: Exception) -> LiveDropsError:
    reason = _reason(error)
    if isinstance(error, AMQPConnectionError) and "ACCESS_REFUSED" in reason:
        return Forbidden("The broker refuses this user or password.")
    return Unavailable(f"The broker can't be reached: {reason}")


def _told(error: AMQPError) -> LiveDropsError:
    if not isinstance(error, ChannelClosedByBroker | ConnectionClosedByBroker):
        return Unavailable(f"The broker's connection was lost: {_reason(error)}.")
    kinds: dict[int, type[LiveDropsError]] = {ACCESS_REFUSED: Forbidden, NO_SUCH_THING: NotFound}
    return kinds.get(error.reply_code, Unavailable)(f"The broker said: {error.reply_text}.")


def _reason(error: Exception) -> str:
    """The text of an error of pika's, which often hides in the error's arguments."""
    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else None
    exception = getattr(inner, "exception", inner)
    return _reason(exception) if isinstance(exception, Exception) else str(error) or type(error).__name__
