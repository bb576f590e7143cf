"""The inbox, preferences and reminders through both doors of the gateway."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from services.contracts.orders import Orders, PlaceOrder, Stock
from tests.conftest import Person, eventually
from tests.integration.selling import CREATE, SCHEDULE, Seller, some_key, window

FIELDS = "id kind at name read personal creatorId dropId orderId quantity available total reason"
INBOX = f"""
query($first:Int!,$after:String,$unread:Boolean!){{
  notifications(first:$first,after:$after,unreadOnly:$unread){{
    edges{{node{{{FIELDS} drop{{id name isReminded stock{{available}}}} creator{{id}}}} cursor}} pageInfo{{hasNextPage endCursor}} unreadCount
  }}
}}
"""
REMIND = "mutation($id:ID!){remindMe(input:{dropId:$id}){drop{id isReminded} isReminded userErrors{code field}}}"
FORGET = "mutation($id:ID!){forgetReminder(input:{dropId:$id}){drop{id isReminded} isReminded userErrors{code field}}}"
MARK = "mutation($ids:[ID!]!){markNotificationsRead(input:{ids:$ids}){unreadCount userErrors{code field}}}"
MARK_ALL = "mutation{markAllNotificationsRead{unreadCount userErrors{code}}}"
PREFER = """
mutation($input:UpdateNotificationPreferencesInput!){
  updateNotificationPreferences(input:$input){preferences{muted{kind channel} mutedCreators} userErrors{code field}}
}
"""
PREFERENCES = "{notificationPreferences{muted{kind channel} mutedCreators}}"


def ask(person: Person, query: str, **variables: Any) -> Any:
    """The only field of an answer that has no errors."""
    answer = person.graphql(query, variables).json()
    assert "errors" not in answer, answer
    (data,) = answer["data"].values()
    return data


def inbox(person: Person, first: int = 20, after: str | None = None, unread: bool = False) -> Any:
    return ask(person, INBOX, first=first, after=after, unread=unread)


@pytest.fixture
def buyer(person: Callable[..., Person], orders: Orders, open_drop: Callable[..., Stock]) -> Person:
    """With three notes of a drop."""
    made, drop = person(), open_drop(total=1000)
    for number in range(3):
        orders.place_order(request=PlaceOrder(drop.drop_id, made.id, 1, str(number)))
    eventually(lambda: len(inbox(made)["edges"]) == 3)
    return made


@pytest.fixture
def coming(seller: Seller) -> str:
    """A drop that starts in an hour."""
    product = seller.done(CREATE, input={"idempotencyKey": some_key(), "name": "A hat", "price": {"amount": 1, "currency": "EUR"}})
    drop = seller.done(SCHEDULE, input={"idempotencyKey": some_key(), "productId": product["id"], **window(3600)})
    drop_id: str = drop["id"]
    return drop_id


class TestGraphQL:
    def test_an_inbox_has_pages_with_their_drops(self, buyer: Person) -> None:
        page = inbox(buyer, first=2)
        rest = inbox(buyer, first=2, after=page["pageInfo"]["endCursor"])
        nodes = [edge["node"] for edge in page["edges"] + rest["edges"]]
        assert [len(page["edges"]), len(rest["edges"]), rest["pageInfo"]["hasNextPage"]] == [2, 1, False]
        assert len({node["id"] for node in nodes}) == 3
        newest = nodes[0]
        assert (newest["kind"], newest["personal"], newest["read"], newest["quantity"]) == ("ORDER_CONFIRMED", True, False, 1)
        assert newest["drop"] == {"id": newest["dropId"], "name": newest["name"], "isReminded": False, "stock": {"available": 997}}
        assert newest["creator"] is None  # nobody knows this one
        assert page["unreadCount"] == 3

    def test_notifications_are_read_one_by_one_or_all(self, buyer: Person) -> None:
        first = inbox(buyer)["edges"][0]["node"]["id"]
        assert ask(buyer, MARK, ids=[first, str(uuid.uuid4())]) == {"unreadCount": 2, "userErrors": []}
        assert [edge["node"]["read"] for edge in inbox(buyer)["edges"]] == [True, False, False]
        assert len(inbox(buyer, unread=True)["edges"]) == 2
        assert ask(buyer, "{unreadCount}") == 2
        assert ask(buyer, MARK_ALL) == {"unreadCount": 0, "userErrors": []}
        assert ask(buyer, "{unreadCount}") == 0

    def test_preferences_are_replaced(self, person: Callable[..., Person]) -> None:
        somebody, creator = person(), str(uuid.uuid4())
        assert ask(somebody, PREFERENCES) == {"muted": [], "mutedCreators": []}
        chosen: dict[str, Any] = {"muted": [{"kind": "DROP_STARTED", "channel": "EMAIL"}], "mutedCreators": [creator]}
        twice = {"muted": chosen["muted"] * 2, "mutedCreators": [creator, creator]}
        assert ask(somebody, PREFER, input=twice) == {"preferences": chosen, "userErrors": []}
        assert ask(somebody, PREFERENCES) == chosen
        wrong = ask(somebody, PREFER, input={"muted": [], "mutedCreators": ["x"]})
        assert (wrong["preferences"], wrong["userErrors"][0]["code"], wrong["userErrors"][0]["field"]) == (
            None,
            "INVALID_INPUT",
            "mutedCreators",
        )
        assert ask(somebody, PREFERENCES) == chosen

    def test_a_drop_says_whether_its_viewer_is_reminded(self, coming: str, person: Callable[..., Person], address: str) -> None:
        fan, other = person(), person()
        look = "query($id:ID!){drop(id:$id){isReminded}}"
        assert ask(fan, REMIND, id=coming) == {"drop": {"id": coming, "isReminded": True}, "isReminded": True, "userErrors": []}
        assert [ask(one, look, id=coming)["isReminded"] for one in (fan, other)] == [True, False]
        guest = requests.post(f"{address}/graphql", json={"query": look, "variables": {"id": coming}}, timeout=10).json()
        assert guest["data"]["drop"]["isReminded"] is False
        listed = ask(fan, "query{drops(state:SCHEDULED,first:100){edges{node{id isReminded}}}}")["edges"]
        assert all(edge["node"]["isReminded"] is (edge["node"]["id"] == coming) for edge in listed)
        for _ in range(2):
            assert ask(fan, FORGET, id=coming) == {"drop": {"id": coming, "isReminded": False}, "isReminded": False, "userErrors": []}

    def test_a_person_is_told_what_they_can_mend(self, coming: str, seller: Seller, person: Callable[..., Person]) -> None:
        fan = person()
        seller.done('mutation($id:ID!){cancelDrop(input:{id:$id,reason:"no paint"}){drop{id} userErrors{code field}}}', id=coming)
        for drop_id, code, field in ((str(uuid.uuid4()), "NOT_FOUND", None), (coming, "ENDED", None), ("x", "INVALID_INPUT", "dropId")):
            refused = ask(fan, REMIND, id=drop_id)
            assert (refused["drop"], refused["userErrors"]) == (None, [{"code": code, "field": field}])
        assert ask(fan, MARK, ids=["x"])["userErrors"] == [{"code": "INVALID_INPUT", "field": "ids"}]
        assert ask(fan, FORGET, id="x")["userErrors"] == [{"code": "INVALID_INPUT", "field": "dropId"}]

    @pytest.mark.parametrize("query", ["{notifications{unreadCount}}", "{unreadCount}", PREFERENCES, MARK_ALL])
    def test_a_guest_has_no_inbox(self, query: str, address: str) -> None:
        answer = requests.post(f"{address}/graphql", json={"query": query}, timeout=10).json()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]

    @pytest.mark.parametrize(("wish", "field"), [({"first": 0}, "first"), ({"first": 101}, "first"), ({"after": "x"}, "after")])
    def test_a_page_out_of_bounds_is_refused(self, wish: dict[str, Any], field: str, person: Callable[..., Person]) -> None:
        answer = person().graphql(INBOX, {"first": 5, "unread": False, **wish}).json()
        assert [(error["extensions"]["code"], error["extensions"]["field"]) for error in answer["errors"]] == [("INVALID_INPUT", field)]


class TestRest:
    def test_an_inbox_has_pages(self, buyer: Person) -> None:
        page = buyer.get("/notifications?limit=2")
        assert 'rel="next"' in page.headers["Link"]
        rest = buyer.get(f"/notifications?limit=2&after={page.json()['next']}").json()
        shown = page.json()["notifications"] + rest["notifications"]
        assert {one["id"] for one in shown} == {edge["node"]["id"] for edge in inbox(buyer)["edges"]}
        assert (page.json()["unreadCount"], rest["next"]) == (3, None)

    def test_notifications_are_read_one_by_one_or_all(self, buyer: Person, address: str) -> None:
        first = buyer.get("/notifications").json()["notifications"][0]["id"]

        def read(body: Any) -> requests.Response:
            return buyer.http.post(f"{address}/notifications/read", json=body, timeout=10)

        assert read({"ids": [first]}).json() == {"unreadCount": 2}
        assert len(buyer.get("/notifications?unread=true").json()["notifications"]) == 2
        assert buyer.get("/notifications/unread_count").json() == {"unreadCount": 2}
        wrongs: tuple[Any, ...] = ({}, {"ids": []}, {"all": False}, {"all": True, "ids": [first]}, {"ids": ["x"]})
        for wrong in wrongs:
            assert (read(wrong).status_code, read(wrong).json()["code"]) == (400, "INVALID_INPUT")
        assert read({"all": True}).json() == {"unreadCount": 0}

    def test_preferences_are_replaced(self, person: Callable[..., Person], address: str) -> None:
        somebody = person()
        chosen: dict[str, Any] = {"muted": [{"kind": "DROP_SOLD_OUT", "channel": "LIVE"}], "mutedCreators": [str(uuid.uuid4())]}
        nothing: dict[str, Any] = {"muted": [], "mutedCreators": []}
        for wish in (chosen, nothing):
            assert somebody.http.put(f"{address}/notifications/preferences", json=wish, timeout=10).json() == wish
            assert somebody.get("/notifications/preferences").json() == wish

    def test_a_reminder_is_put_and_deleted(self, coming: str, person: Callable[..., Person], address: str) -> None:
        fan = person()
        place = f"{address}/drops/{coming}/reminder"
        for _ in range(2):
            assert fan.http.put(place, timeout=10).json() == {"dropId": coming, "isReminded": True}
        for _ in range(2):
            assert fan.http.delete(place, timeout=10).json() == {"dropId": coming, "isReminded": False}
        assert fan.http.put(f"{address}/drops/{uuid.uuid4()}/reminder", timeout=10).status_code == 404
        assert fan.http.put(f"{address}/drops/x/reminder", timeout=10).json()["field"] == "id"
        assert requests.put(place, timeout=10).status_code == 401
