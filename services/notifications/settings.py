"""The settings of the notifications context."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from services.contracts.notifications import NoticeKind
from services.kernel.config import MongoUrl, Settings, SmtpUrl

Days = Annotated[float, Field(gt=0, le=3650)]


class NotificationsSettings(Settings):
    notifications_mongo_url: MongoUrl
    notifications_mongo_database: Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")] = "notifications"
    # Signs page cursors; the same for all processes of the service.
    cursor_key: Annotated[SecretStr, Field(min_length=16)]
    # How long each kind is kept from when it happened.
    notifications_order_days: Days = 90
    notifications_started_days: Days = 7
    notifications_low_stock_days: Days = 1
    notifications_sold_out_days: Days = 2
    notifications_endpoint_days: Days = 30

    # Sends mail: smtp://[user:password@]host:port (STARTTLS where it is offered) or smtps://. Without it, nobody is told by mail.
    smtp_url: SmtpUrl | None = None
    # The public half of the key of web push; without it, browsers are not told.
    vapid_public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{87}$")] | None = None
    # For development and tests: also plain http, private addresses and any port are sent to.
    push_anywhere: bool = False

    def lives(self) -> dict[NoticeKind, timedelta]:
        """How long each kind is kept."""
        return {
            NoticeKind.DROP_STARTED: timedelta(days=self.notifications_started_days),
            NoticeKind.DROP_LOW_STOCK: timedelta(days=self.notifications_low_stock_days),
            NoticeKind.DROP_SOLD_OUT: timedelta(days=self.notifications_sold_out_days),
            NoticeKind.ORDER_CONFIRMED: timedelta(days=self.notifications_order_days),
            NoticeKind.ORDER_CANCELLED: timedelta(days=self.notifications_order_days),
            NoticeKind.ENDPOINT_DISABLED: timedelta(days=self.notifications_endpoint_days),
        }
