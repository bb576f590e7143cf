"""Follows and lists of people over REST. Reading is for everybody."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, g

from gateway import inputs, people, presenters
from gateway.context import Gateway, RequestContext
from gateway.documents import DEFAULT_PAGE, FIELD_POINTS, OBJECTS_A_POINT
from gateway.rest import messages
from services.contracts.users import FollowState


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    @rest.post("/follow")
    def follow() -> Response:
        """Follow somebody; again is no error. Body {"creatorId"}."""
        return _change(messages.signed_in(gateway, "follow"), gateway.users.follow)

    @rest.post("/unfollow")
    def unfollow() -> Response:
        """Follow somebody no more; again is no error. Body {"creatorId"}."""
        return _change(messages.signed_in(gateway, "unfollow"), gateway.users.unfollow)

    @rest.post("/creator")
    def become_creator() -> Response:
        """Let the signed-in person sell; again is no error. The next access token says so."""
        context = messages.signed_in(gateway, "becomeCreator")
        return messages.answer(presenters.own_roles(gateway.users.become_creator(user_id=context.require_viewer().id)))

    @rest.get("/follows")
    def get_follow() -> Response:
        """Whether user_id, or without one the signed-in person, follows creator_id."""
        context = RequestContext(gateway, g.visit)
        context.charge(FIELD_POINTS["isFollowing"])
        asked = messages.query({"user_id", "creator_id"})
        creator_id = inputs.user_id(asked.get("creator_id"), "creator_id")
        user_id = inputs.user_id(asked["user_id"], "user_id") if "user_id" in asked else None
        return messages.answer(presenters.follow_state(people.follow_state(context, user_id, creator_id)))

    @rest.get("/user/<user_id>/followers")
    def list_followers(user_id: str) -> Response:
        """Who follows this person, newest first; with ?name, those whose display name begins so, by name."""
        context = RequestContext(gateway, g.visit)
        asked, page = _page_asked(context, {"first", "after", "name"})
        return _page(context, asked, page, people.followers(context, inputs.user_id(user_id), asked.get("name")))

    @rest.get("/user/<user_id>/following")
    def list_following(user_id: str) -> Response:
        """Whom this person follows, newest first."""
        context = RequestContext(gateway, g.visit)
        asked, page = _page_asked(context, {"first", "after"})
        return _page(context, asked, page, partial(gateway.users.list_following, user_id=inputs.user_id(user_id)))


def _change(context: RequestContext, change: Callable[..., FollowState]) -> Response:
    body = messages.body({"creatorId"})
    return messages.answer(presenters.follow_state(people.change_follow(context, change, body.get("creatorId"))))


def _page_asked(context: RequestContext, allowed: set[str]) -> tuple[dict[str, str], inputs.Page]:
    """The query string, and the page that it asks for. Costs a point, and more for many people."""
    context.charge(1)
    asked = messages.query(allowed)
    page = inputs.page(asked.get("first", DEFAULT_PAGE), asked.get("after"))
    context.charge(page.first // OBJECTS_A_POINT)
    return asked, page


def _page(context: RequestContext, asked: dict[str, str], page: inputs.Page, listing: people.Listing) -> Response:
    """The page, with the address of the next one."""
    listed = people.page_of(context, listing, page, profiles=True)
    shown: list[dict[str, Any]] = [
        {**presenters.profile(profile), "followedAt": one.followed_at} for one, profile in people.with_profiles(context, listed.people)
    ]
    return messages.answer({"people": shown, "next": listed.next}, headers=messages.link_to_next(asked, listed.next))
