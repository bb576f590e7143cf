"""Notifications: what GraphQL and REST do alike, for the signed-in person."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway import inputs, presenters
from gateway.context import RequestContext
from services.contracts.errors import InvalidInput
from services.contracts.notifications import NewEndpoint, NotificationPage, Preferences


def page_of(context: RequestContext, asked: inputs.Page, unread_only: bool) -> NotificationPage:
    """A page of the inbox. Its drops and creators come together, when one is asked for.

    Raises Unauthenticated, InvalidInput for a cursor of another list.
    """
    viewer = context.require_viewer()
    page = context.gateway.notifications.list_notifications(
        user_id=viewer.id, first=asked.first, after=asked.after, unread_only=unread_only
    )
    loaders = context.loaders
    drop_ids = [told.notice.drop_id for told in page.notifications if told.notice.drop_id]
    for loader in (loaders.drops, loaders.stocks, loaders.reminders):
        loader.expect(drop_ids)
    loaders.profiles.expect(told.notice.creator_id for told in page.notifications if told.notice.creator_id)
    return page


def count_unread(context: RequestContext) -> int:
    """Up to 100. Raises Unauthenticated."""
    return context.gateway.notifications.count_unread(user_id=context.require_viewer().id)


def mark_read(context: RequestContext, notice_ids: object) -> int:
    """How many are unread then. Raises Unauthenticated, InvalidInput that names the field."""
    viewer = context.require_viewer()
    return context.gateway.notifications.mark_read(user_id=viewer.id, notice_ids=inputs.notice_ids(notice_ids))


def mark_all_read(context: RequestContext) -> int:
    """How many are unread then. Raises Unauthenticated."""
    return context.gateway.notifications.mark_all_read(user_id=context.require_viewer().id)


def preferences(context: RequestContext) -> dict[str, Any]:
    """Raises Unauthenticated."""
    return presenters.preferences(context.gateway.notifications.get_preferences(user_id=context.require_viewer().id))


def prefer(context: RequestContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """These instead of those before. Raises Unauthenticated, InvalidInput that names the field."""
    viewer = context.require_viewer()
    wish = inputs.payload(Preferences, fields)
    return presenters.preferences(context.gateway.notifications.set_preferences(user_id=viewer.id, preferences=wish))


def change_reminder(context: RequestContext, change: Callable[..., bool], drop_id: object, field: str) -> dict[str, Any]:
    """Remind the person of a drop or forget it, as `change` does. Raises Unauthenticated, InvalidInput that names the field, NotFound, Ended."""
    viewer = context.require_viewer()
    try:
        checked = inputs.drop_id(drop_id)
    except InvalidInput as error:
        error.data["field"] = field
        raise
    reminded = change(user_id=viewer.id, drop_id=checked)
    context.loaders.reminders.remember(checked, reminded)
    return {"dropId": checked, "isReminded": reminded}


def endpoints(context: RequestContext) -> list[dict[str, Any]]:
    """Where the person is told. Raises Unauthenticated."""
    found = context.gateway.notifications.list_endpoints(user_id=context.require_viewer().id)
    return [presenters.endpoint(one) for one in found]


def add_endpoint(context: RequestContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """With its secret. Raises Unauthenticated, InvalidInput that names the field, TooManyEndpoints, ChannelOff, NotFound."""
    viewer = context.require_viewer()
    wish = inputs.payload(NewEndpoint, fields)
    added = context.gateway.notifications.add_endpoint(user_id=viewer.id, endpoint=wish)
    return {"endpoint": presenters.endpoint(added.endpoint), "secret": added.secret}


def remove_endpoint(context: RequestContext, endpoint_id: object) -> str:
    """Its id. Raises Unauthenticated, InvalidInput that names the field."""
    viewer, checked = context.require_viewer(), inputs.endpoint_id(endpoint_id)
    context.gateway.notifications.remove_endpoint(user_id=viewer.id, endpoint_id=checked)
    return checked


def enable_endpoint(context: RequestContext, endpoint_id: object) -> dict[str, Any]:
    """Raises Unauthenticated, InvalidInput that names the field, NotFound."""
    viewer, checked = context.require_viewer(), inputs.endpoint_id(endpoint_id)
    return presenters.endpoint(context.gateway.notifications.enable_endpoint(user_id=viewer.id, endpoint_id=checked))


def push_options(context: RequestContext) -> dict[str, Any]:
    """What there is beside webhooks, for everybody."""
    found = context.gateway.notifications.get_push_options()
    return {"webPushKey": found.web_push_key, "email": found.email}
