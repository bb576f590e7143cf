"""A person's inbox, preferences and reminders over REST."""

from flask import Blueprint, Response, g

from gateway import inputs, notifications, presenters
from gateway.context import Gateway, RequestContext
from gateway.documents import DEFAULT_PAGE, FIELD_POINTS, OBJECTS_A_POINT
from gateway.rest import messages
from services.contracts.errors import InvalidInput
from services.contracts.notifications import NewEndpoint, Preferences


def add_routes(rest: Blueprint, gateway: Gateway) -> None:
    _add_reading(rest, gateway)
    _add_preferences(rest, gateway)
    _add_reminders(rest, gateway)
    _add_endpoints(rest, gateway)


def _add_reading(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/notifications")
    def list_notifications() -> Response:
        """Newest first; with ?unread=true, those that are not read."""
        context = messages.signed_in(gateway, "notifications")
        asked = messages.query({"limit", "after", "unread"})
        with inputs.named_as({"first": "limit"}):
            page = inputs.page(asked.get("limit", DEFAULT_PAGE), asked.get("after"))
        context.charge(page.first // OBJECTS_A_POINT)
        found = notifications.page_of(context, page, inputs.flag(asked.get("unread", "false"), "unread"))
        shown = [presenters.notification(told) for told in found.notifications]
        body = {"notifications": shown, "unreadCount": found.unread, "limit": page.first, "next": found.next}
        return messages.answer(body, headers=messages.link_to_next(asked, found.next))

    @rest.get("/notifications/unread_count")
    def count_unread() -> Response:
        """Up to 100."""
        return _unread(notifications.count_unread(messages.signed_in(gateway, "unreadCount")))

    @rest.post("/notifications/read")
    def mark_read() -> Response:
        """These are read, or all. Body {"ids": [...]} or {"all": true}."""
        context = messages.signed_in(gateway, "markNotificationsRead")
        body = messages.body({"ids", "all"})
        if "all" not in body:
            return _unread(notifications.mark_read(context, body.get("ids")))
        if body["all"] is not True or "ids" in body:
            raise InvalidInput("Send ids, or all: true.", field="all")
        return _unread(notifications.mark_all_read(context))


def _add_preferences(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/notifications/preferences")
    def get_preferences() -> Response:
        """What the person does not want."""
        return messages.answer(notifications.preferences(messages.signed_in(gateway, "notificationPreferences")))

    @rest.put("/notifications/preferences")
    def set_preferences() -> Response:
        """These instead of those before."""
        context = messages.signed_in(gateway, "updateNotificationPreferences")
        return messages.answer(notifications.prefer(context, messages.body(inputs.client_names(Preferences))))


def _add_reminders(rest: Blueprint, gateway: Gateway) -> None:
    @rest.put("/drops/<drop_id>/reminder")
    def remind(drop_id: str) -> Response:
        """Tell the person of a drop; again is no error."""
        context = messages.signed_in(gateway, "remindMe")
        return messages.answer(notifications.change_reminder(context, gateway.notifications.remind, drop_id, "id"))

    @rest.delete("/drops/<drop_id>/reminder")
    def forget_reminder(drop_id: str) -> Response:
        """Not any more; again is no error."""
        context = messages.signed_in(gateway, "forgetReminder")
        return messages.answer(notifications.change_reminder(context, gateway.notifications.forget_reminder, drop_id, "id"))


def _add_endpoints(rest: Blueprint, gateway: Gateway) -> None:
    @rest.get("/notifications/endpoints")
    def list_endpoints() -> Response:
        """Where the person is told who is away."""
        return messages.answer({"endpoints": notifications.endpoints(messages.signed_in(gateway, "notificationEndpoints"))})

    @rest.post("/notifications/endpoints")
    def add_endpoint() -> Response:
        """Tell them here, too; the same place again is the same endpoint with a new secret."""
        context = messages.signed_in(gateway, "addNotificationEndpoint")
        return messages.answer(notifications.add_endpoint(context, messages.body(inputs.client_names(NewEndpoint))), 201)

    @rest.delete("/notifications/endpoints/<endpoint_id>")
    def remove_endpoint(endpoint_id: str) -> Response:
        """Tell them here no more; again is no error."""
        context = messages.signed_in(gateway, "removeNotificationEndpoint")
        return messages.answer({"endpointId": notifications.remove_endpoint(context, endpoint_id)})

    @rest.post("/notifications/endpoints/<endpoint_id>/enable")
    def enable_endpoint(endpoint_id: str) -> Response:
        """Switch it on again that failed."""
        context = messages.signed_in(gateway, "enableNotificationEndpoint")
        return messages.answer(notifications.enable_endpoint(context, endpoint_id))

    @rest.get("/notifications/push_options")
    def get_push_options() -> Response:
        """What there is beside webhooks."""
        context = RequestContext(gateway, g.visit)
        context.charge(FIELD_POINTS["pushOptions"])
        return messages.answer(notifications.push_options(context))


def _unread(count: int) -> Response:
    return messages.answer({"unreadCount": count})
