"""Endpoints through both doors of the gateway, and the address at which mails are ended."""

from collections.abc import Callable
from typing import Any

import requests

from services.notifications.push.unsubscribing import Unsubscribing
from stack.api import Stack
from tests.conftest import Person
from tests.integration.receiving import Browser

ENDPOINTS = "{notificationEndpoints{id kind url enabled createdAt failingSince disabledReason}}"
ADD = "mutation($i:AddNotificationEndpointInput!){addNotificationEndpoint(input:$i){endpoint{id kind url} secret userErrors{code field}}}"
REMOVE = "mutation($i:RemoveNotificationEndpointInput!){removeNotificationEndpoint(input:$i){endpointId userErrors{code}}}"
ENABLE = "mutation($i:EnableNotificationEndpointInput!){enableNotificationEndpoint(input:$i){endpoint{id enabled} userErrors{code}}}"
HOOK = "https://example.org/hook"
STRANGER = "00000000-0000-4000-8000-000000000abc"


def ask(somebody: Person, query: str, **wish: Any) -> Any:
    answer = somebody.graphql(query, {"i": wish} if wish else None).json()
    assert "errors" not in answer, answer
    (data,) = answer["data"].values()
    return data


def rest(somebody: Person, method: str, path: str, body: Any = None) -> requests.Response:
    return somebody.http.request(method, f"{somebody._address}/notifications/{path}", json=body, timeout=10)


def test_an_endpoint_comes_and_goes_by_graphql(person: Callable[..., Person]) -> None:
    somebody = person()
    added = ask(somebody, ADD, kind="WEBHOOK", url=HOOK)
    assert (added["userErrors"], added["endpoint"]["url"]) == ([], HOOK)
    assert added["secret"].startswith("whsec_")
    (shown,) = ask(somebody, ENDPOINTS)
    assert (shown["id"], shown["enabled"], shown["failingSince"], shown["disabledReason"]) == (added["endpoint"]["id"], True, None, None)
    assert ask(somebody, ENABLE, id=shown["id"])["endpoint"] == {"id": shown["id"], "enabled": True}
    assert ask(somebody, REMOVE, id=shown["id"]) == {"endpointId": shown["id"], "userErrors": []}
    assert ask(somebody, ENDPOINTS) == []
    assert ask(somebody, ENABLE, id=shown["id"])["userErrors"] == [{"code": "NOT_FOUND"}]


def test_an_endpoint_comes_and_goes_by_rest(person: Callable[..., Person]) -> None:
    somebody = person()
    answer = rest(somebody, "POST", "endpoints", {"kind": "WEBHOOK", "url": HOOK})
    added = answer.json()
    assert (answer.status_code, added["endpoint"]["kind"]) == (201, "WEBHOOK")
    assert rest(somebody, "GET", "endpoints").json() == {"endpoints": [added["endpoint"]]}
    endpoint_id = added["endpoint"]["id"]
    assert rest(somebody, "POST", f"endpoints/{endpoint_id}/enable").json() == added["endpoint"]
    assert rest(somebody, "DELETE", f"endpoints/{endpoint_id}").json() == {"endpointId": endpoint_id}
    assert rest(somebody, "GET", "endpoints").json() == {"endpoints": []}
    assert rest(somebody, "POST", f"endpoints/{STRANGER}/enable").status_code == 404


def test_nobody_touches_what_is_anothers(person: Callable[..., Person]) -> None:
    owner, other = person(), person()
    endpoint = ask(owner, ADD, kind="WEBHOOK", url=HOOK)["endpoint"]
    assert ask(other, ENABLE, id=endpoint["id"])["userErrors"] == [{"code": "NOT_FOUND"}]
    ask(other, REMOVE, id=endpoint["id"])
    assert [one["id"] for one in ask(owner, ENDPOINTS)] == [endpoint["id"]]


def test_what_is_wrong_is_told_by_code_and_field(person: Callable[..., Person]) -> None:
    somebody, browser = person(), Browser("https://push.example.org/abc")

    def errors(**wish: Any) -> Any:
        return ask(somebody, ADD, **wish)["userErrors"]

    assert errors(kind="WEBHOOK") == [{"code": "INVALID_INPUT", "field": "url"}]
    assert errors(kind="WEBHOOK", url="gopher://x") == [{"code": "INVALID_INPUT", "field": "url"}]
    assert errors(kind="WEBHOOK", url="https://me:you@example.org/") == [{"code": "ADDRESS_NOT_ALLOWED", "field": "url"}]
    # Without a mail server, nobody is told by mail, and says so.
    assert errors(kind="EMAIL") == [{"code": "CHANNEL_OFF", "field": "kind"}]
    assert rest(somebody, "POST", "endpoints", {"kind": "EMAIL"}).status_code == 409
    keys = browser.subscription()
    assert errors(kind="WEB_PUSH", url=keys.url, p256dh=keys.p256dh, auth=keys.auth) == []


def test_what_there_is_beside_webhooks_everybody_may_know(address: str) -> None:
    told = requests.get(f"{address}/notifications/push_options", timeout=10).json()
    assert (len(told["webPushKey"]), told["email"]) == (87, False)
    query = {"query": "{pushOptions{webPushKey email}}"}
    assert requests.post(f"{address}/graphql", json=query, timeout=10).json()["data"]["pushOptions"] == told


def test_looking_at_the_end_of_mails_ends_nothing_and_a_made_up_one_is_refused(stack: Stack, address: str) -> None:
    key = stack.environment("notifications")["LIVEDROPS_CURSOR_KEY"].encode()
    link = Unsubscribing(key).link(address, STRANGER)
    asked = requests.get(link, timeout=10)
    assert (asked.status_code, "<form method" in asked.text) == (200, True)
    assert requests.post(link, timeout=10).status_code == 200
    for bad in (link[:-3] + "xyz", f"{address}/notifications/unsubscribe", Unsubscribing(b"another key").link(address, STRANGER)):
        answer = requests.post(bad, timeout=10)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "INVALID_INPUT", "token")
