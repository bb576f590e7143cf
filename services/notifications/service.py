"""The RPC entrypoints of notifications."""

from services.contracts.notifications import (
    AddedEndpoint,
    BroadcastPage,
    Endpoint,
    FanOut,
    LiveInterests,
    NewEndpoint,
    NotificationPage,
    Notifications,
    Preferences,
    PushOptions,
    Replay,
)
from services.kernel.current_call import CurrentCall
from services.kernel.rpc_server import rpc
from services.notifications import usecases
from services.notifications.providers import DirectoryProvider, InboxProvider
from services.notifications.push import usecases as push
from services.notifications.settings import NotificationsSettings


class NotificationsService:
    name = "notifications"
    contract = Notifications
    settings_class = NotificationsSettings

    inbox = InboxProvider()
    directory = DirectoryProvider()
    call = CurrentCall()

    @rpc
    def list_notifications(self, *, user_id: str, first: int, after: str | None, unread_only: bool) -> NotificationPage:
        return usecases.list_notifications(self.inbox, user_id, first, after, unread_only, self.call)

    @rpc
    def count_unread(self, *, user_id: str) -> int:
        return usecases.count_unread(self.inbox, user_id, self.call)

    @rpc
    def mark_read(self, *, user_id: str, notice_ids: list[str]) -> int:
        return usecases.mark_read(self.inbox, user_id, notice_ids, self.call)

    @rpc
    def mark_all_read(self, *, user_id: str) -> int:
        return usecases.mark_all_read(self.inbox, user_id, self.call)

    @rpc
    def get_preferences(self, *, user_id: str) -> Preferences:
        return usecases.get_preferences(self.inbox, user_id, self.call)

    @rpc
    def set_preferences(self, *, user_id: str, preferences: Preferences) -> Preferences:
        return usecases.set_preferences(self.inbox, user_id, preferences, self.call)

    @rpc
    def remind(self, *, user_id: str, drop_id: str) -> bool:
        return usecases.remind(self.inbox, user_id, drop_id, self.call)

    @rpc
    def forget_reminder(self, *, user_id: str, drop_id: str) -> bool:
        return usecases.forget_reminder(self.inbox, user_id, drop_id, self.call)

    @rpc
    def are_reminded(self, *, user_id: str, drop_ids: list[str]) -> list[bool]:
        return usecases.are_reminded(self.inbox, user_id, drop_ids, self.call)

    @rpc
    def replay(self, *, user_id: str, after: str, first: int) -> Replay:
        return usecases.replay(self.inbox, user_id, after, first, self.call)

    @rpc
    def get_live_interests(self, *, user_ids: list[str]) -> list[LiveInterests]:
        return usecases.get_live_interests(self.inbox, user_ids, self.call)

    @rpc
    def list_broadcasts(self, *, after: int, first: int) -> BroadcastPage:
        return usecases.list_broadcasts(self.inbox, after, first, self.call)

    @rpc
    def last_numbers(self, *, user_ids: list[str]) -> list[int]:
        return usecases.last_numbers(self.inbox, user_ids, self.call)

    @rpc
    def get_push_options(self) -> PushOptions:
        return push.get_push_options(self.directory)

    @rpc
    def add_endpoint(self, *, user_id: str, endpoint: NewEndpoint) -> AddedEndpoint:
        return push.add_endpoint(self.directory, user_id, endpoint, self.call)

    @rpc
    def list_endpoints(self, *, user_id: str) -> list[Endpoint]:
        return push.list_endpoints(self.directory, user_id, self.call)

    @rpc
    def remove_endpoint(self, *, user_id: str, endpoint_id: str) -> bool:
        return push.remove_endpoint(self.directory, user_id, endpoint_id, self.call)

    @rpc
    def enable_endpoint(self, *, user_id: str, endpoint_id: str) -> Endpoint:
        return push.enable_endpoint(self.directory, user_id, endpoint_id, self.call)

    @rpc
    def unsubscribe(self, *, token: str) -> bool:
        return push.unsubscribe(self.directory, token)

    @rpc
    def get_fan_out(self, *, fan_out_id: str) -> FanOut:
        return push.get_fan_out(self.directory, fan_out_id, self.call)

    @rpc
    def list_fan_outs(self, *, first: int) -> list[FanOut]:
        return push.list_fan_outs(self.directory, first, self.call)
