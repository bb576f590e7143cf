"""What sellers do over GraphQL, for tests."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conftest import Person

ERRORS = "userErrors{code field}"
DROP = "id name state version productId cancelledAt startsAt endsAt perUserLimit unitPrice{amount currency} metadata{key value} stock{total available sold}"
PRODUCT = "id creatorId name description tags media version price{amount currency} createdAt updatedAt"
CREATE = f"mutation($input:CreateProductInput!){{createProduct(input:$input){{product{{{PRODUCT}}} {ERRORS}}}}}"
UPDATE = f"mutation($input:UpdateProductInput!){{updateProduct(input:$input){{product{{{PRODUCT}}} {ERRORS}}}}}"
SCHEDULE = f"mutation($input:ScheduleDropInput!){{scheduleDrop(input:$input){{drop{{{DROP}}} {ERRORS}}}}}"
CHANGE = f"mutation($input:ChangeDropInput!){{changeDrop(input:$input){{drop{{{DROP}}} {ERRORS}}}}}"
END = f"mutation($id:ID!){{endDrop(input:{{id:$id}}){{drop{{{DROP}}} {ERRORS}}}}}"
CANCEL = f'mutation($id:ID!){{cancelDrop(input:{{id:$id,reason:"no paint"}}){{drop{{{DROP}}} {ERRORS}}}}}'
LOOK = f"query($id:ID!){{drop(id:$id){{{DROP} creatorId product{{id name}}}}}}"
NOBODY = str(uuid.uuid4())
PRICE = {"amount": 4900, "currency": "EUR"}


def some_key() -> str:
    return uuid.uuid4().hex


def at(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def window(starts_in_s: float = 0) -> dict[str, Any]:
    return {"startsAt": at(starts_in_s), "endsAt": at(starts_in_s + 3600), "stock": 10}


class Seller:
    """A person, and what they do in their shop over GraphQL."""

    def __init__(self, who: Person) -> None:
        self.who = who

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self.who.graphql(query, variables).json()
        assert "errors" not in answer, answer
        (data,) = answer["data"].values()
        return data

    def done(self, query: str, **variables: Any) -> Any:
        """What a mutation answered, which had nothing to refuse."""
        answer = self.ask(query, **variables)
        assert answer["userErrors"] == [], answer
        return answer.get("product") or answer.get("drop")

    def refusal(self, query: str, **variables: Any) -> tuple[str, str | None]:
        answer = self.ask(query, **variables)
        (error,) = answer["userErrors"]
        assert answer.get("product") is None
        assert answer.get("drop") is None
        return error["code"], error["field"]

    def offer(self, **fields: Any) -> Any:
        return self.done(CREATE, input={"idempotencyKey": some_key(), "name": "A shirt", "price": PRICE, **fields})

    def announce(self, starts_in_s: float = 0, product_id: str | None = None, **fields: Any) -> Any:
        wish = {"idempotencyKey": some_key(), "productId": product_id or self.offer()["id"], **window(starts_in_s), **fields}
        return self.done(SCHEDULE, input=wish)

    def look(self, drop_id: str) -> Any:
        return self.ask(LOOK, id=drop_id)
