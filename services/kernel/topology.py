"""The broker's exchanges, queues, users and permissions, as one definitions document.

RPC follows nameko's protocol: topic exchange `nameko-rpc`, one durable queue `rpc-<service>`.
Events go to the topic exchange `livedrops.events`, keyed by type; each consumer has a quorum queue.
A failed event waits in a delay queue, one quorum queue a step for all consumers: its message keeps the
routing key (the consumer's queue) and dead-letters through the default exchange back to it. After the last step it lies in the
consumer's dead-letter queue until an operator replays it. Delay queues use dead-letter-strategy
at-least-once, which needs overflow reject-publish: https://www.rabbitmq.com/docs/3.13/quorum-queues#dead-lettering
"""

import base64
import hashlib
import os
import random
from collections.abc import Mapping
from typing import Any

from services.contracts.rights import USERS as RIGHTS
from services.contracts.rights import Rights

VHOST = "livedrops"
USERS: tuple[str, ...] = tuple(RIGHTS)
RPC_EXCHANGE = "nameko-rpc"
EVENTS_EXCHANGE = "livedrops.events"
DEAD_EXCHANGE = "livedrops.dead"
# Seconds between tries: the first heals a race, the last outlives a restart of a store.
DELAY_STEPS_S: tuple[int, ...] = (1, 5, 30, 120)
# Bounds of queues. A consumer that is a million events behind is an incident, and the publisher must notice.
MAX_QUEUE_LENGTH = 1_000_000

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def rpc_queue(service: str) -> str:
    return f"rpc-{service}"


def pulse_queue(id: str) -> str:
    """Of one consumer, for what it sends to itself. Named like a reply queue: whoever may have those may have it."""
    return f"rpc.reply-pulse-{id}"


def pulse_key(id: str) -> str:
    return f"pulse.{id}"


def event_queue(name: str) -> str:
    return f"events.{name}"


def dead_queue(name: str) -> str:
    return f"dead.{event_queue(name)}"


def delay_exchange(seconds: int) -> str:
    return f"livedrops.delay.{seconds}s"


def delay_step(attempt: int, after_s: float = 0.0) -> int:
    """Seconds that an event waits after its failure number `attempt`, from 1 on; at least after_s, where a step is that long."""
    steps = DELAY_STEPS_S[attempt - 1 :]
    return next((step for step in steps if step >= after_s), steps[-1])


def shortened(step: int, after_s: float = 0.0) -> float:
    """A wait of a step with jitter: what failed together must not come again together. Never below after_s."""
    return max(random.uniform(0.75, 1.0) * step, min(after_s, step))


def consumers() -> dict[str, tuple[str, ...]]:
    """Every event consumer's name, with the event types bound to its queue."""
    return {name: types for rights in RIGHTS.values() for name, types in rights.consumes}


def definitions(passwords: Mapping[str, str]) -> dict[str, Any]:
    """RabbitMQ's definitions document for the whole mesh.

    passwords: one for each name of USERS. KeyError where one is missing.
    """
    return {
        "vhosts": [{"name": VHOST}],
        "users": [
            {
                "name": name,
                "password_hash": hash_password(passwords[name]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
            for name in RIGHTS
        ],
        "permissions": [{"user": name, "vhost": VHOST, **_permissions(rights)} for name, rights in RIGHTS.items()],
        "topic_permissions": [
            {"user": name, "vhost": VHOST, **topic} for name, rights in RIGHTS.items() for topic in _topic_permissions(rights)
        ],
        "exchanges": _exchanges(),
        "queues": _queues(),
        "bindings": _bindings(),
        "policies": [],
        "parameters": [],
        "global_parameters": [],
    }


def hash_password(password: str, salt: bytes | None = None) -> str:
    """RabbitMQ's salted SHA-256: base64 of 4 bytes of salt, then sha256(salt + password)."""
    salt = salt or os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _exchanges() -> list[dict[str, Any]]:
    kinds = {RPC_EXCHANGE: "topic", EVENTS_EXCHANGE: "topic", DEAD_EXCHANGE: "direct"}
    kinds |= {delay_exchange(seconds): "fanout" for seconds in DELAY_STEPS_S}
    return [
        {"name": name, "vhost": VHOST, "type": kind, "durable": True, "auto_delete": False, "internal": False, "arguments": {}}
        for name, kind in kinds.items()
    ]


def _queue(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "vhost": VHOST, "durable": True, "auto_delete": False, "arguments": arguments}


def _quorum(**more: Any) -> dict[str, Any]:
    arguments = {"x-queue-type": "quorum", "x-max-length": MAX_QUEUE_LENGTH, "x-overflow": "reject-publish"}
    return arguments | {key.replace("_", "-"): value for key, value in more.items()}


def _queues() -> list[dict[str, Any]]:
    services = [rights.serves for rights in RIGHTS.values() if rights.serves]
    rpc = [_queue(rpc_queue(service), {}) for service in services]
    events = [_queue(event_queue(name), _quorum()) for name in consumers()]
    dead = [_queue(dead_queue(name), _quorum()) for name in consumers()]
    delays = [
        _queue(
            delay_exchange(seconds),
            _quorum(x_message_ttl=seconds * 1000, x_dead_letter_exchange="", x_dead_letter_strategy="at-least-once"),
        )
        for seconds in DELAY_STEPS_S
    ]
    return rpc + events + dead + delays


def _binding(source: str, queue: str, key: str) -> dict[str, Any]:
    return {"source": source, "vhost": VHOST, "destination": queue, "destination_type": "queue", "routing_key": key, "arguments": {}}


def _bindings() -> list[dict[str, Any]]:
    services = [rights.serves for rights in RIGHTS.values() if rights.serves]
    rpc = [_binding(RPC_EXCHANGE, rpc_queue(service), f"{service}.*") for service in services]
    events = [_binding(EVENTS_EXCHANGE, event_queue(name), kind) for name, kinds in consumers().items() for kind in kinds]
    dead = [_binding(DEAD_EXCHANGE, dead_queue(name), event_queue(name)) for name in consumers()]
    delays = [_binding(delay_exchange(seconds), delay_exchange(seconds), "") for seconds in DELAY_STEPS_S]
    return rpc + events + dead + delays


def _permissions(rights: Rights) -> dict[str, str]:
    """Regular expressions over names of queues and exchanges for configure, write and read."""
    replies = r"rpc\.reply-.*"
    configure, write, read = [replies], [RPC_EXCHANGE, replies], [RPC_EXCHANGE, replies]
    owned = [rpc_queue(rights.serves)] if rights.serves else []
    owned += [r"watch\..*"] if rights.watches else []
    for names in (configure, write, read):
        names += owned
    configure += [RPC_EXCHANGE] if rights.stock_client else []
    write += _extra_writes(rights)
    read += [_literal(event_queue(name)) for name, _ in rights.consumes]
    read += [_literal(EVENTS_EXCHANGE)] if rights.watches else []
    read += [r"dead\..*", r"events\..*", r"livedrops\.delay\..*"] if rights.tends_dead_letters or rights.measures_queues else []
    return {"configure": _any(configure), "write": _any(write), "read": _any(read)}


def _extra_writes(rights: Rights) -> list[str]:
    """The exchanges that a publisher, a consumer with failed events, and a tender of dead letters write to."""
    events = [_literal(EVENTS_EXCHANGE)] if rights.publishes else []
    failed = [r"livedrops\.delay\..*", _literal(DEAD_EXCHANGE)] if rights.consumes else []
    replays = [r"amq\.default"] if rights.tends_dead_letters else []
    return events + failed + replays


def _topic_permissions(rights: Rights) -> list[dict[str, str]]:
    """Which routing keys of the topic exchanges may be published, and bound to."""
    speaks = [_literal(call).replace(r"\*", "[a-z_]+").replace("*", "[a-z_]+") for call in rights.calls]
    pulse = rf"pulse\.{_UUID}"
    hears = [_UUID, pulse]
    if rights.serves or rights.consumes:
        speaks.append(pulse)
    if rights.serves:
        speaks.append(_UUID)  # replies, to whichever reply queue asked
        hears.append(rf"{rights.serves}\.\*")
    says = [_literal(kind).replace("*", "[a-z_]+") for kind in rights.publishes]
    reads = [".*"] if rights.watches else []
    return [
        {"exchange": RPC_EXCHANGE, "write": _any(speaks), "read": _any(hears)},
        {"exchange": EVENTS_EXCHANGE, "write": _any(says), "read": _any(reads)},
    ]


def _literal(name: str) -> str:
    return name.replace(".", r"\.")


def _any(patterns: list[str]) -> str:
    """A pattern for exactly these; for nothing at all where there are none."""
    return f"^({'|'.join(patterns)})$" if patterns else "^$"
