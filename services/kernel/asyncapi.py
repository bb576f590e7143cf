"""All RPC and all events as one AsyncAPI document: python -m services.kernel.asyncapi writes docs/contracts/asyncapi.json.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 . It is written from the side of the mesh: RPC are received and answered, events
are sent. Everything in it comes from the contracts, the rights and the topology, so a test finds what has drifted.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from services.contracts.errors import BY_CODE
from services.contracts.events import PAYLOADS, Event
from services.contracts.rights import USERS
from services.contracts.schemas import FOLDER, SERVICES, text_of
from services.contracts.signatures import Signature, signatures
from services.kernel import calls, traces, wire
from services.kernel.topology import EVENTS_EXCHANGE, RPC_EXCHANGE, VHOST, consumers

NAME = "asyncapi.json"
Document = dict[str, Any]
_JSON = "application/json"
_REPLIES = "replies"
_BINDING = "0.3.0"


def document() -> Document:
    rpcs = {f"{service}.{rpc.name}": rpc for service, protocol in SERVICES.items() for rpc in signatures(protocol).values()}
    schemas = _Schemas(rpcs)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "LiveDrops, inside",
            "version": "1.0.0",
            "description": "What services ask each other (RPC in nameko's protocol) and tell each other (events), over RabbitMQ. Changes only add.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {
            "broker": {
                "host": "127.0.0.1:5672",
                "pathname": f"/{VHOST}",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "Each unit and each team has a user of its own, whose rights the broker holds it to.",
                "security": [{"type": "userPassword"}],
            }
        },
        "channels": {**_rpc_channels(rpcs), _REPLIES: _reply_channel(rpcs), **_event_channels()},
        "operations": {**_calls(rpcs), **_tellings()},
        "components": {"schemas": schemas.components, "messages": dict(_messages(rpcs, schemas)), "messageTraits": _traits()},
    }


class _Schemas:
    """The schemas of all that travels. of: by what it is of."""

    def __init__(self, rpcs: dict[str, Signature]) -> None:
        names = [*(f"{name} {part}" for name in rpcs for part in ("parameters", "result")), "event", *PAYLOADS]
        kinds = [*(kind for rpc in rpcs.values() for kind in (rpc.parameters, rpc.result)), Event, *PAYLOADS.values()]
        made, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
        self.of = dict(zip(names, made, strict=True))
        self.components: Document = {**components, "Error": _error()}


def _error() -> Document:
    codes = [f"{code}: {kind.sentence}" for code, kind in sorted(BY_CODE.items())]
    text = {"type": "string"}
    return {
        "title": "Error",
        "description": "Nothing is told apart by its text: code and data are for programs.\n" + "\n".join(codes),
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": sorted(BY_CODE)},
            "value": {**text, "description": "A sentence for people."},
            "data": {"type": "object", "description": "For programs, by code."},
            "exc_type": {**text, "description": "As nameko's own clients read it."},
            "exc_path": text,
            "exc_args": {"type": "array", "items": {}},
        },
        "required": ["code", "value", "data", "exc_type", "exc_path", "exc_args"],
    }


def _rpc_channels(rpcs: dict[str, Signature]) -> Document:
    return {name: _channel(name, RPC_EXCHANGE, f"RPC of {name.partition('.')[0]}.", f"{name}.request") for name in rpcs}


def _event_channels() -> Document:
    return {kind: _channel(kind, EVENTS_EXCHANGE, f"Each {kind} that happened.", kind) for kind in PAYLOADS}


def _channel(address: str, exchange: str, description: str, message: str) -> Document:
    """Its address is the routing key on a topic exchange."""
    where = {"name": exchange, "type": "topic", "durable": True, "autoDelete": False, "vhost": VHOST}
    return {
        "address": address,
        "description": description,
        "messages": {message: _ref("components/messages", message)},
        "bindings": {"amqp": {"is": "routingKey", "exchange": where, "bindingVersion": _BINDING}},
    }


def _reply_channel(rpcs: dict[str, Signature]) -> Document:
    return {
        "address": None,
        "description": f"The caller's own queue, bound to {RPC_EXCHANGE} under the key that reply_to names. Replies are not persistent.",
        "messages": {f"{name}.reply": _ref("components/messages", f"{name}.reply") for name in rpcs},
    }


def _calls(rpcs: dict[str, Signature]) -> Document:
    return {
        name: {
            "action": "receive",
            "channel": _ref("channels", name),
            "summary": rpc.summary,
            "description": f"{rpc.text}. Safe to repeat: a call is delivered again where the outcome of the first is not known.",
            "messages": [_message_ref(name, f"{name}.request")],
            "reply": {
                "address": {"location": "$message.header#/reply_to"},
                "channel": _ref("channels", _REPLIES),
                "messages": [_message_ref(_REPLIES, f"{name}.reply")],
            },
            "x-callers": sorted(user for user, rights in USERS.items() if _allows(rights.calls, name)),
        }
        for name, rpc in rpcs.items()
    }


def _tellings() -> Document:
    return {
        kind: {
            "action": "send",
            "channel": _ref("channels", kind),
            "summary": _first_line(payload),
            "description": "At least once and in no promised order: dedupe by id, compare versions.",
            "messages": [_message_ref(kind, kind)],
            "x-publishers": sorted(user for user, rights in USERS.items() if _allows(rights.publishes, kind)),
            "x-consumers": sorted(name for name, kinds in consumers().items() if kind in kinds),
        }
        for kind, payload in PAYLOADS.items()
    }


def _messages(rpcs: dict[str, Signature], schemas: _Schemas) -> Iterator[tuple[str, Document]]:
    for name, rpc in rpcs.items():
        arguments = schemas.of[f"{name} parameters"]
        request = _object({"args": {"type": "array", "maxItems": 0, "description": "Name all arguments."}, "kwargs": arguments})
        yield f"{name}.request", _message(f"{name}.request", rpc.summary, request, "call")
        result = {"anyOf": [schemas.of[f"{name} result"], {"type": "null"}]}
        error = {"anyOf": [_ref("components/schemas", "Error"), {"type": "null"}], "description": "Null where there is a result."}
        yield f"{name}.reply", _message(f"{name}.reply", rpc.summary, _object({"result": result, "error": error}), "reply")
    for kind, payload in PAYLOADS.items():
        event = {"allOf": [schemas.of["event"], {"type": "object", "properties": {"type": {"const": kind}, "data": schemas.of[kind]}}]}
        several = {"type": "array", "items": event, "minItems": 1, "description": "Events of one type that were published together."}
        yield kind, _message(kind, _first_line(payload), {"anyOf": [event, several]}, "event")


def _message(name: str, summary: str, payload: Document, trait: str) -> Document:
    made = {"name": name, "summary": summary, "contentType": _JSON, "payload": payload, "traits": [_ref("components/messageTraits", trait)]}
    return made if trait == "event" else {**made, "correlationId": {"location": "$message.header#/correlation_id"}}


def _object(properties: Document) -> Document:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _traits() -> Document:
    """Headers and properties, by what a message is: both are headers to AsyncAPI."""
    text = {"type": "string"}
    correlation = {"correlation_id": {**text, "description": "Property. Of the call; its reply has the same."}}
    followed: Document = {
        wire.CORRELATION_ID: {**text, "maxLength": wire.MAX_CORRELATION_ID, "description": "By which all logs of one request are found."},
        traces.HEADER: {**text, "maxLength": traces.MAX_LENGTH, "description": "W3C Trace Context."},
    }
    sender = {"user_id": {**text, "description": "Property. Who sends, which the broker has checked."}}
    call: Document = {
        **correlation,
        **followed,
        **sender,
        "reply_to": {**text, "format": "uuid", "description": "Property. The routing key of the answer."},
        "expiration": {**text, "description": "Property. As the timeout: a call whose caller has gone is not delivered."},
        wire.TIMEOUT_MS: {
            "type": "integer",
            "minimum": 1,
            "maximum": int(calls.MAX_TIMEOUT_S * 1000),
            "description": "What remains of the caller's time.",
        },
        wire.VIEWER: {**text, "description": "JSON: on whose behalf. Believed from the gateway alone."},
    }
    event: Document = {
        **followed,
        **sender,
        "message_id": {**text, "description": "Property. The id of the first event."},
        "type": {**text, "description": "Property. The type of the events."},
        wire.ATTEMPT: {"type": "integer", "description": "How often it was tried, where it has failed."},
        wire.ERROR: {**text, "description": "Of a dead letter: what was raised at the last try."},
    }
    return {
        "call": {"headers": {"type": "object", "properties": call, "required": ["correlation_id", "reply_to"]}},
        "reply": {"headers": {"type": "object", "properties": correlation, "required": ["correlation_id"]}},
        "event": {"headers": {"type": "object", "properties": event}},
    }


def _ref(place: str, name: str) -> Document:
    return {"$ref": f"#/{place}/{name}"}


def _message_ref(channel: str, name: str) -> Document:
    return _ref(f"channels/{channel}/messages", name)


def _allows(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    (FOLDER / NAME).write_text(text_of(document()))
