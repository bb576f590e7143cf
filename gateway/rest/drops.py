"""Drops over REST. Reading is for everybody."""

from typing import Any

from flask import Blueprint, Response, g

from gateway import drops, inputs
from gateway.context import Gateway, RequestContext
from gateway.documents import FIELD_POINTS
from gateway.rest import messages, numbered
from services.contracts.errors import NotFound
from services.contracts.products import DropChange, NewDrop


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    _add_reading(rest, gateway)
    _add_selling(rest, gateway)


def _add_reading(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/drops")
    def list_drops() -> Response:
        """By their start: what is to come soonest first, all else, and all together, latest first."""
        context = RequestContext(gateway, g.visit)
        context.charge(FIELD_POINTS["drops"])
        asked = messages.query({"status", "creator_id", *numbered.PARAMETERS})
        state = inputs.drop_state(asked["status"].upper(), "status") if "status" in asked else None
        creator_id = inputs.user_id(asked["creator_id"], "creator_id") if "creator_id" in asked else None
        page = numbered.page_asked(context, asked)
        shown = drops.page_of(context, drops.Wanted(state, creator_id), page)
        return numbered.answer("drops", shown.drops, shown.next, asked, page)

    @rest.get("/drops/<drop_id>")
    def get_drop(drop_id: str) -> Response:
        """One drop with its live stock, and its version as ETag."""
        context = RequestContext(gateway, g.visit)
        context.charge(1)
        drop = drops.visit(context, inputs.drop_id(drop_id))
        if drop is None:
            raise NotFound("There is no such drop.")
        return _answer(drop)


def _add_selling(rest: Blueprint, gateway: Gateway) -> None:
    @rest.post("/drops")
    def schedule_drop() -> Response:
        """Announce a sale of a product. Header Idempotency-Key. 201 with the drop, also for a retry."""
        context = messages.signed_in(gateway, "scheduleDrop")
        fields = messages.body({"productId", *inputs.client_names(NewDrop)})
        drop = drops.schedule(context, messages.idempotency_key(), fields)
        return _answer(drop, 201, {"Location": f"/drops/{drop['id']}"})

    @rest.patch("/drops/<drop_id>")
    def change_drop(drop_id: str) -> Response:
        """Change what the body names. Header If-Match with the version that was read."""
        context = messages.signed_in(gateway, "changeDrop")
        fields = messages.body(inputs.client_names(DropChange))
        return _answer(drops.change(context, inputs.drop_id(drop_id), messages.expected_version(), fields))

    @rest.post("/drops/<drop_id>/end")
    def end_drop(drop_id: str) -> Response:
        """End a live sale now; what was sold stays sold. Again is no error."""
        return _answer(drops.end(messages.signed_in(gateway, "endDrop"), inputs.drop_id(drop_id)))

    @rest.post("/drops/<drop_id>/cancel")
    def cancel_drop(drop_id: str) -> Response:
        """Take a drop back; its orders are cancelled a moment later. Body {"reason"}. Again is no error."""
        context = messages.signed_in(gateway, "cancelDrop")
        reason = inputs.reason(messages.body({"reason"}).get("reason"))
        return _answer(drops.cancel(context, inputs.drop_id(drop_id), reason))


def _answer(drop: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return messages.answer(drop, status, {**messages.etag(drop["version"]), **(headers or {})})
