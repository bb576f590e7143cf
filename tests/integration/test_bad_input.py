"""Every field of every RPC, mutation and REST body, made wrong in every way: a typed error, never a 5xx, nothing written."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec
import psycopg2
import pymongo
import pytest
import requests

from services.contracts.errors import Internal, LiveDropsError
from services.contracts.schemas import SERVICES
from services.contracts.signatures import signatures
from services.contracts.users import Role
from services.kernel.rpc_client import RpcClient, _decoder
from stack.api import Stack
from tests.conftest import Person

MISSING = object()
ID = "00000000-0000-4000-8000-000000000abc"
ORDER_ID = "0" * 31 + "1-" + ID.replace("-", "")
BAD_VALUES: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "wrong type": {"surprise": [True]},
    "a list": [1, 2],
    "a float": 1.5,
    "empty": "",
    "spaces": "   ",
    "too long": "x" * 20_000,
    "negative": -1,
    "huge": 10**30,
    "control characters": "a\u0000b\u001b[2J",
    "unknown id": str(uuid.uuid4()),
    "sql": "'; drop table orders; --",
    "operator": {"$gt": ""},
}
WISH = {"drop_id": ID, "user_id": ID, "quantity": 1, "key": "k"}
OPEN = {"drop_id": ID, "creator_id": ID, "name": "x", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2020-01-01T00:00:00Z", "total": 1}
OPEN |= {"unit_price": {"amount": 1, "currency": "EUR"}, "per_user_limit": 1, "reason": "x"}
TERMS = {name: value for name, value in OPEN.items() if name != "reason"} | {"version": -1, "cancelled": False}
PRICE = {"amount": 1, "currency": "EUR"}
# With a currency that no value of BAD_VALUES mends: nothing is made of it.
NEW_PRODUCT = {"name": "x", "price": {"amount": 1, "currency": "euro"}, "description": "x", "tags": ["x"], "media": [ID]}
NEW_DROP = {"starts_at": "2036-01-01T00:00:00Z", "ends_at": "2036-01-02T00:00:00Z", "stock": 1, "per_user_limit": 1}
NEW_DROP |= {"unit_price": PRICE, "metadata": {"colour": "red"}}
SOUGHT = {"words": "x", "creator_id": ID, "tags": ["x"], "currency": "EUR", "min_price": 1, "max_price": 5}
SEARCH_FILTER = {"kinds": ["DROP"], "creator_id": ID, "states": ["LIVE"], "tags": ["x"], "currency": "EUR", "min_price": 1, "max_price": 5}
PLACE = {"followed_at": "2026-01-01T00:00:00Z", "user_id": ID}
# Well-formed, but each refused by the state of the world: a wrong field must not make one of them succeed either.
SAMPLES: dict[str, dict[str, Any]] = {
    "orders.place_order": {"request": WISH},
    "orders.place_many": {"requests": [WISH]},
    "orders.get_order": {"order_id": ORDER_ID},
    "orders.cancel_order": {"order_id": ORDER_ID, "reason": "x"},
    "orders.list_orders": {"user_id": ID, "first": 5, "after": "x"},
    "orders.get_stock": {"drop_id": ID},
    "orders.get_stocks": {"drop_ids": [ID]},
    "orders.open_stock": {"stock": OPEN},
    "orders.set_terms": {"terms": TERMS},
    "orders.change_stock": {"change": {"drop_id": ID, "reason": "x", "total": 5, "expected_version": 3, "per_user_limit": 1, "name": "x"}},
    "orders.close_stock": {"drop_id": ID, "reason": "x"},
    "orders.reconcile": {"after": ID, "first": 5},
    "products.create_product": {"product_id": ID, "creator_id": ID, "product": NEW_PRODUCT},
    "products.import_products": {"products": [{"product_id": ID, "creator_id": ID, "product": NEW_PRODUCT}]},
    "products.update_product": {"product_id": ID, "expected_version": 1, "change": {**NEW_PRODUCT, "price": PRICE}},
    "products.get_product": {"product_id": ID},
    "products.get_products": {"product_ids": [ID]},
    "products.list_products": {"creator_id": ID, "first": 5, "after": "x", "page": 1},
    "products.schedule_drop": {"drop_id": ID, "product_id": ID, "drop": NEW_DROP},
    "products.change_drop": {"drop_id": ID, "expected_version": 1, "change": NEW_DROP},
    "products.end_drop": {"drop_id": ID},
    "products.cancel_drop": {"drop_id": ID, "reason": "x"},
    "products.get_drop": {"drop_id": ID},
    "products.get_drops": {"drop_ids": [ID]},
    "products.list_drops": {"state": "LIVE", "creator_id": ID, "first": 5, "after": "x", "page": 1, "product_id": ID},
    "products.find_products": {"sought": SOUGHT, "first": 5, "after": "x"},
    "products.find_drops": {"sought": SOUGHT, "states": ["LIVE"], "first": 5, "after": "x"},
    "search.search": {"text": "x", "filter": SEARCH_FILTER, "sort": "NEWEST", "first": 5, "after": "x", "facets": True},
    "search.suggest": {"text": "x", "first": 5},
    "search.start_reindex": {},
    "search.get_reindex": {},
    # With a size and a digest of which no value of BAD_VALUES mends both.
    "products.create_upload": {
        "media_id": ID,
        "creator_id": ID,
        "upload": {"filename": "x", "content_type": "image/png", "size": 0, "sha256": "x"},
    },
    "products.get_media": {"media_ids": [ID]},
    "users.sign_up": {"name": "x", "email": "no address", "password": "12345678"},
    "users.sign_in": {"email": "nobody@example.org", "password": "12345678"},
    "users.refresh": {"refresh_token": "a.b.c"},
    "users.sign_out": {"refresh_token": "a.b.c"},
    "users.get_user": {"user_id": ID},
    "users.set_roles": {"user_id": ID, "roles": ["FAN"]},
    "users.become_creator": {"user_id": ID},
    "users.get_users": {"user_ids": [ID]},
    "users.update_user": {
        "user_id": ID,
        "change": {"name": "x", "email": "x@example.org", "display_name": "x", "bio": "x", "picture": "https://example.org/x"},
    },
    "users.delete_user": {"user_id": ID},
    "users.get_profiles": {"user_ids": [ID], "fresh": True},
    "users.list_profiles": {"first": 5, "after": ID},
    "users.follow": {"user_id": ID, "creator_id": ID},
    "users.unfollow": {"user_id": ID, "creator_id": ID},
    "users.is_following": {"user_id": ID, "creator_id": ID},
    "users.are_following": {"user_id": ID, "creator_ids": [ID]},
    "users.list_followers": {"creator_id": ID, "first": 5, "after": "x", "profiles": True},
    "users.list_following": {"user_id": ID, "first": 5, "after": "x", "profiles": True},
    "users.list_followed": {"user_id": ID, "first": 5, "after": "x"},
    "users.list_followed_ids": {"user_ids": [ID]},
    "users.list_mutual": {"user_id": ID, "first": 5, "after": "x", "profiles": True},
    "users.find_followers": {"creator_id": ID, "name": "x", "first": 5, "after": "x", "profiles": True},
    "notifications.list_notifications": {"user_id": ID, "first": 5, "after": "x", "unread_only": True},
    "notifications.count_unread": {"user_id": ID},
    "notifications.mark_read": {"user_id": ID, "notice_ids": [ID]},
    "notifications.mark_all_read": {"user_id": ID},
    "notifications.get_preferences": {"user_id": ID},
    # Of two wrong fields no value mends both.
    "notifications.set_preferences": {
        "user_id": ID,
        "preferences": {"muted": [{"kind": "NO_SUCH_KIND", "channel": "LIVE"}], "muted_creators": ["x"]},
    },
    "notifications.remind": {"user_id": ID, "drop_id": ID},
    "notifications.forget_reminder": {"user_id": ID, "drop_id": ID},
    "notifications.are_reminded": {"user_id": ID, "drop_ids": [ID]},
    "notifications.replay": {"user_id": ID, "after": "0-0", "first": 5},
    "notifications.get_live_interests": {"user_ids": [ID]},
    "notifications.list_broadcasts": {"after": 2**52, "first": 5},
    "notifications.last_numbers": {"user_ids": [ID]},
    "notifications.get_push_options": {},
    # Of two wrong fields no value mends both.
    "notifications.add_endpoint": {
        "user_id": ID,
        "endpoint": {"kind": "NO_SUCH_KIND", "url": "https://me:you@example.org/", "p256dh": "x", "auth": "x"},
    },
    "notifications.list_endpoints": {"user_id": ID},
    "notifications.remove_endpoint": {"user_id": ID, "endpoint_id": ID},
    "notifications.enable_endpoint": {"user_id": ID, "endpoint_id": ID},
    "notifications.unsubscribe": {"token": "x"},
    "notifications.get_fan_out": {"fan_out_id": ID},
    "notifications.list_fan_outs": {"first": 5},
    "users.cut_followers": {"creator_id": ID, "after": PLACE, "size": 5, "most": 5},
    "users.list_follower_ids": {"creator_id": ID, "after": PLACE, "until": PLACE, "first": 5},
    "orders.tally_sales": {"drop_id": ID, "until": "2026-01-01T00:00:00Z"},
    "users.tally_follows": {"creator_id": ID, "until": "2026-01-01T00:00:00Z"},
    "analytics.get_series": {
        "subject": {"kind": "CREATOR", "id": ID},
        **{"grain": "HOUR", "since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
    },
    # Of two wrong fields no value mends both.
    "analytics.report": {
        "report_id": "x",
        "seen": [{"drop_id": "x", "at": "2026-01-01T00:00:00Z", "counts": {"views": 1}, "creator_id": ID}],
    },
    "analytics.rebuild": {"subject": {"kind": "DROP", "id": ID}},
    "users.start_job": {"kind": "NO_SUCH_KIND"},
    "users.get_job": {"kind": "RECOUNT"},
}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every field, outer ones too."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from leaves(inner, (*path, name))


def with_value(value: Any, path: tuple[str | int, ...], bad: Any) -> Any:
    """A copy with one field changed, or left out."""
    copy = msgspec.json.decode(msgspec.json.encode(value))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if bad is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = bad
    return copy


@pytest.fixture(scope="module")
def written(stack: Stack, sql: Callable[..., list[tuple[Any, ...]]]) -> Iterator[Callable[[], tuple[int, ...]]]:
    """How much there is in the stores."""
    shelf = psycopg2.connect(stack.environment("products")["LIVEDROPS_PRODUCTS_POSTGRES_URL"])
    shelf.autocommit = True
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(stack.environment("users")["LIVEDROPS_USERS_MONGO_URL"])

    def count() -> tuple[int, ...]:
        tables = [sql(f"select count(*) from {table}")[0][0] for table in ("stock", "orders", "stock_audit")]
        with shelf.cursor() as cursor:
            cursor.execute(
                "select (select count(*) from products), (select count(*) from drops), (select count(*) from places), (select count(*) from media)"
            )
            tables += cursor.fetchone() or ()
        tables += (client["users"][name].count_documents({}) for name in ("users", "emails", "sessions", "follows", "jobs"))
        return (
            *tables,
            *(client["notifications"][name].count_documents({}) for name in ("notes", "broadcasts", "marks", "reminders", "endpoints")),
        )

    yield count
    client.close()
    shelf.close()


def test_there_is_a_sample_of_every_rpc() -> None:
    assert set(SAMPLES) == {f"{service}.{rpc}" for service, protocol in SERVICES.items() for rpc in signatures(protocol)}


@pytest.mark.parametrize("rpc", SAMPLES)
def test_no_wrong_field_of_an_rpc_does_harm(rpc: str, operations: RpcClient, written: Callable[[], tuple[int, ...]]) -> None:
    service, _, method = rpc.partition(".")
    decoder = _decoder(signatures(SERVICES[service])[method].result)
    before = written()
    cases = [(path, name, bad) for path in leaves(SAMPLES[rpc]) for name, bad in BAD_VALUES.items()]
    for path, name, bad in [*cases, (("surprise",), "unknown field", 1)]:
        try:
            operations.call(service, method, with_value(SAMPLES[rpc], path, bad), decoder)
        except LiveDropsError as error:
            assert not isinstance(error, Internal), (path, name, error)
    assert written() == before


DROP_FIELDS: dict[str, Any] = {"startsAt": "2036-01-01T00:00:00Z", "endsAt": "2036-01-02T00:00:00Z", "stock": 1, "perUserLimit": 1}
DROP_FIELDS |= {"unitPrice": PRICE}
MUTATIONS: dict[str, dict[str, Any]] = {
    "signUp": {"name": "x", "email": "no address", "password": "12345678"},
    "signIn": {"email": "nobody@example.org", "password": "12345678"},
    "refresh": {"refreshToken": "a.b.c"},
    "signOut": {"refreshToken": "a.b.c"},
    "placeOrder": {"dropId": ID, "quantity": 1, "idempotencyKey": "k"},
    "cancelOrder": {"orderId": ORDER_ID, "reason": "x"},
    "createProduct": {"idempotencyKey": "k", "name": "x", "price": PRICE, "description": "x", "tags": ["x"], "media": [ID]},
    "updateProduct": {
        "id": ID,
        "expectedVersion": 1,
        **{"name": "x", "price": PRICE, "description": "x", "tags": ["x"], "media": [ID]},
    },
    "scheduleDrop": {"idempotencyKey": "k", "productId": ID, **DROP_FIELDS, "metadata": [{"key": "colour", "value": "red"}]},
    "changeDrop": {"id": ID, "expectedVersion": 1, **DROP_FIELDS, "metadata": [{"key": "colour", "value": "red"}]},
    "endDrop": {"id": ID},
    "cancelDrop": {"id": ID, "reason": "x"},
    "follow": {"creatorId": ID},
    "unfollow": {"creatorId": ID},
    "updateProfile": {"name": "x", "displayName": "x", "bio": "x", "picture": "https://example.org/x.png", "email": "x@example.org"},
    "upload": {"idempotencyKey": "k", "filename": "x", "contentType": "image/png", "size": 1, "sha256": "0" * 64},
    "deleteAccount": {"email": "nobody@example.org"},
    "markNotificationsRead": {"ids": [ID]},
    # These have no field that could be wrong.
    "markAllNotificationsRead": {},
    "createLiveTicket": {},
    "becomeCreator": {},
    "updateNotificationPreferences": {"muted": [{"kind": "NO_SUCH_KIND", "channel": "LIVE"}], "mutedCreators": ["x"]},
    "remindMe": {"dropId": ID},
    "forgetReminder": {"dropId": ID},
    "addNotificationEndpoint": {"kind": "WEB_PUSH", "url": "https://me:you@example.org/", "p256dh": "x", "auth": "x"},
    "removeNotificationEndpoint": {"id": ID},
    "enableNotificationEndpoint": {"id": ID},
}
# To end what is not there is no error, nor to have read it.
ENDINGS = ("signOut", "unfollow", "forgetReminder", "markNotificationsRead", "removeNotificationEndpoint")


def test_there_is_a_sample_of_every_mutation() -> None:
    from gateway.schema import RESOLVERS

    assert set(MUTATIONS) == set(RESOLVERS["Mutation"])


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_wrong_field_of_a_mutation_does_harm(
    mutation: str, person: Callable[..., Person], written: Callable[[], tuple[int, ...]]
) -> None:
    before, somebody = written(), person()
    kind = mutation[0].upper() + mutation[1:] + "Input!"
    query = f"mutation M($input: {kind}) {{ {mutation}(input: $input) {{ userErrors {{ code message field }} }} }}"
    for path in leaves(MUTATIONS[mutation]):
        for name, bad in BAD_VALUES.items():
            answer = somebody.graphql(query, {"input": with_value(MUTATIONS[mutation], path, bad)})
            assert answer.status_code < 500, (path, name, answer.text)
            body = answer.json()
            codes = [error["extensions"]["code"] for error in body.get("errors", ())]
            codes += [error["code"] for error in ((body.get("data") or {}).get(mutation) or {}).get("userErrors", ())]
            assert "INTERNAL" not in codes, (path, name, body)
            assert codes or mutation in ENDINGS, (path, name, body)
    assert written() == before


@pytest.mark.parametrize("field", ["dropId", "quantity", "surprise", "Idempotency-Key"])
def test_no_wrong_field_of_a_rest_order_does_harm(
    field: str, person: Callable[..., Person], address: str, written: Callable[[], tuple[int, ...]]
) -> None:
    before, somebody = written(), person()
    for name, bad in BAD_VALUES.items():
        headers = {"Authorization": f"Bearer {somebody.token}", "Idempotency-Key": "k"}
        body: Any = {"dropId": ID, "quantity": 1, "surprise": 1}
        if field == "Idempotency-Key":
            headers = with_value(headers, (field,), bad if bad is MISSING else ascii(bad)[:4000])
        body = with_value(body, (field,) if field in body else ("surprise",), bad if field in body else MISSING)
        if field in ("dropId", "quantity"):
            del body["surprise"]
        answer = requests.post(f"{address}/order", json=body, headers=headers, timeout=10)
        assert 400 <= answer.status_code < 500, (name, answer.text)
        assert answer.json()["code"] != "INTERNAL"
    assert written() == before


@pytest.mark.parametrize("path", ["/follow", "/unfollow"])
@pytest.mark.parametrize("field", ["creatorId", "surprise"])
def test_no_wrong_field_of_a_rest_follow_does_harm(
    path: str, field: str, person: Callable[..., Person], address: str, written: Callable[[], tuple[int, ...]]
) -> None:
    before, headers = written(), {"Authorization": f"Bearer {person().token}"}
    for name, bad in BAD_VALUES.items():
        body = with_value({"creatorId": ID, **({"surprise": 1} if field == "surprise" else {})}, (field,), bad)
        answer = requests.post(f"{address}{path}", json=body, headers=headers, timeout=10)
        # The world has no such creator: following is refused, and there is nothing to end.
        no_error = path == "/unfollow" and (field, name) in (("creatorId", "unknown id"), ("surprise", "missing"))
        assert answer.status_code == 200 if no_error else 400 <= answer.status_code < 500, (name, answer.text)
        assert no_error or answer.json()["code"] in ("INVALID_INPUT", "NOT_FOUND")
    assert written() == before


PRODUCT_FIELDS: dict[str, Any] = {"name": "x", "price": PRICE, "description": "x", "tags": ["x"], "media": [ID]}
# Refused by the state of the world too: a fan sells nothing, and there is no such product or drop.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/products"): PRODUCT_FIELDS,
    ("PATCH", f"/products/{ID}"): PRODUCT_FIELDS,
    ("POST", "/drops"): {"productId": ID, **DROP_FIELDS, "metadata": {"colour": "red"}},
    ("PATCH", f"/drops/{ID}"): {**DROP_FIELDS, "metadata": {"colour": "red"}},
    ("POST", f"/drops/{ID}/cancel"): {"reason": "x"},
    ("PUT", "/notifications/preferences"): {"muted": [{"kind": "NO_SUCH_KIND", "channel": "LIVE"}], "mutedCreators": ["x"]},
    # Both at once is neither.
    ("POST", "/notifications/read"): {"ids": ["x"], "all": 1},
}


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_no_wrong_field_of_what_sellers_send_does_harm(
    method: str, path: str, person: Callable[..., Person], address: str, written: Callable[[], tuple[int, ...]]
) -> None:
    before, sound = written(), BODIES[method, path]
    headers = {"Authorization": f"Bearer {person().token}", "Idempotency-Key": "k", "If-Match": '"1"'}
    for place in (*leaves(sound), ("surprise",)):
        for name, bad in BAD_VALUES.items():
            body = sound if place == ("surprise",) and bad is MISSING else with_value(sound, place, bad)
            answer = requests.request(method, f"{address}{path}", json=body, headers=headers, timeout=10)
            assert 400 <= answer.status_code < 500, (place, name, answer.text)
            assert answer.json()["code"] in ("INVALID_INPUT", "FORBIDDEN", "NOT_FOUND"), (place, name, answer.text)
    assert written() == before


@pytest.mark.parametrize("header", ["Idempotency-Key", "If-Match"])
def test_no_wrong_header_of_what_sellers_send_does_harm(
    header: str, person: Callable[..., Person], address: str, written: Callable[[], tuple[int, ...]]
) -> None:
    before, token = written(), person(Role.CREATOR).token
    method, path = ("POST", "/products") if header == "Idempotency-Key" else ("PATCH", f"/products/{ID}")
    for name, bad in BAD_VALUES.items():
        if bad is not MISSING and ascii(bad).isalnum():
            continue  # good enough for a key
        sent = {} if bad is MISSING else {header: ascii(bad)[:4000] + " ."}
        answer = requests.request(
            method, f"{address}{path}", json=PRODUCT_FIELDS, headers={"Authorization": f"Bearer {token}", **sent}, timeout=10
        )
        assert (answer.status_code, answer.json()["field"]) == (428 if header == "If-Match" and not sent else 400, header), name
    assert written() == before


LISTS = {
    "/products": ("page", "limit", "after", "creator_id", "surprise"),
    "/drops": ("page", "limit", "after", "status", "creator_id", "surprise"),
    "/search": ("kind", "status", "creator_id", "currency", "min_price", "max_price", "sort", "limit", "after", "facets", "surprise"),
    f"/user/{ID}/followers": ("first", "after", "name", "surprise"),
    f"/user/{ID}/following": ("first", "after", "surprise"),
    "/follows": ("user_id", "creator_id", "surprise"),
    "/notifications": ("limit", "after", "unread", "surprise"),
    "/live": ("inbox", "after", "surprise"),
}
# What a list needs to be asked for at all.
NEEDED: dict[str, dict[str, str]] = {"/follows": {"creator_id": ID}, "/live": {"inbox": "1"}}


@pytest.mark.parametrize(("path", "parameter"), [(path, parameter) for path, known in LISTS.items() for parameter in known])
def test_no_wrong_query_parameter_does_harm(path: str, parameter: str, person: Callable[..., Person]) -> None:
    somebody, sound = person(), NEEDED.get(path, {})
    for name, bad in BAD_VALUES.items():
        if bad is not MISSING and len(str(bad)) < 5_000:  # the ingress refuses longer addresses by itself
            answer = somebody.get(f"{path}?{urlencode({**sound, parameter: bad})}")
            harmless = parameter == "name" or (parameter.endswith("_id") and name == "unknown id")
            assert answer.status_code in ((200, 400) if harmless else (400,)), (name, answer.text)
            assert answer.status_code == 200 or (answer.json()["code"], answer.json()["field"]) == ("INVALID_INPUT", parameter)


@pytest.mark.parametrize("query", ["first=1&first=2", "first=0", "first=101", "after=%00", "name=%ff", "first=", "after="])
def test_a_strange_query_string_is_400(query: str, person: Callable[..., Person]) -> None:
    answer = person().get(f"/user/{ID}/followers?{query}")
    assert answer.status_code in ((200, 400) if query == "name=%ff" else (400,))


@pytest.mark.parametrize("user_id", ["x", ORDER_ID, "%00", "a" * 5000, ID.upper()])
@pytest.mark.parametrize("people", ["followers", "following"])
def test_a_strange_user_id_is_a_4xx(people: str, user_id: str, person: Callable[..., Person]) -> None:
    answer = person().get(f"/user/{user_id}/{people}")
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] in ("INVALID_INPUT", "NOT_FOUND")


@pytest.mark.parametrize("id", ["x", ORDER_ID, "%00", "a" * 5000, ID.upper()])
@pytest.mark.parametrize("things", ["products", "drops"])
def test_a_strange_id_of_a_product_or_drop_is_a_4xx(things: str, id: str, person: Callable[..., Person]) -> None:
    answer = person().get(f"/{things}/{id}")
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] in ("INVALID_INPUT", "NOT_FOUND")


@pytest.mark.parametrize(
    "path",
    ["/order", "/follow", "/unfollow", "/products", "/drops", f"/drops/{ID}/cancel", "/notifications/read", "/notifications/endpoints"],
)
@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"{", b"\xff", b"null", b'{"a":' * 5000])
def test_a_rest_body_that_is_no_object_is_400(data: bytes, path: str, person: Callable[..., Person], address: str) -> None:
    headers = {"Authorization": f"Bearer {person().token}", "Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = requests.post(f"{address}{path}", data=data, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")


@pytest.mark.parametrize("order_id", ["x", ID, "%00", "..%2f..", "a" * 5000, "0" * 32 + "-" + "g" * 32])
def test_a_strange_order_id_is_a_4xx(order_id: str, person: Callable[..., Person]) -> None:
    answer = person().get(f"/order/{order_id}")
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] in ("INVALID_INPUT", "NOT_FOUND")
