"""The RPC entrypoints of analytics."""

from datetime import datetime

from services.analytics import usecases
from services.analytics.providers import DeskProvider
from services.analytics.settings import AnalyticsSettings
from services.contracts.analytics import Analytics, Grain, Rebuilt, Seen, Series, Subject
from services.kernel.current_call import CurrentCall
from services.kernel.rpc_server import rpc


class AnalyticsService:
    name = "analytics"
    contract = Analytics
    settings_class = AnalyticsSettings

    desk = DeskProvider()
    call = CurrentCall()

    @rpc
    def get_series(self, *, subject: Subject, grain: Grain, since: datetime, until: datetime) -> Series:
        return usecases.get_series(self.desk, subject, grain, since, until, self.call)

    @rpc
    def report(self, *, report_id: str, seen: list[Seen]) -> None:
        usecases.report(self.desk, report_id, seen, self.call)

    @rpc
    def rebuild(self, *, subject: Subject) -> Rebuilt:
        return usecases.rebuild(self.desk, subject, self.call)
