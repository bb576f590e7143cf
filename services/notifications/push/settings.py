"""The settings of the push workers."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from services.kernel import push_keys
from services.notifications.push.rules import Patience
from services.notifications.settings import NotificationsSettings


def _key(value: SecretStr) -> SecretStr:
    try:
        push_keys.private_key(value.get_secret_value())
    except ValueError as error:
        raise ValueError("must be 32 random bytes in base64url") from error
    return value


class PushSettings(NotificationsSettings):
    # Signs messages to browsers; the secret half of vapid_public_key.
    vapid_key: Annotated[SecretStr, AfterValidator(_key)] | None = None
    # Whom a browser's vendor writes to about our messages: mailto: or https:. Without it, the public address.
    vapid_subject: Annotated[str, Field(pattern=r"^(mailto:|https://)[\x21-\x7e]+$")] | None = None
    # Whom mails are from.
    mail_from: Annotated[str, Field(pattern=r"^[^\s@<>\"\x00-\x1f]+@[^\s@<>\"\x00-\x1f]+$")] | None = None
    # Where people find us: links in mails and messages begin with it.
    public_url: Annotated[str, Field(pattern=r"^https?://[\x21-\x7e]+$")] = "http://127.0.0.1:8000"
    # Deliveries under way at once in one process.
    push_at_once: Annotated[int, Field(ge=1, le=1000)] = 64
    # Followers of one chunk: a step of work between two looks at the queue.
    push_chunk: Annotated[int, Field(ge=1, le=10_000)] = 5_000
    # When an endpoint that fails is switched off: after so long, or earlier after many failures in a row.
    push_failing_hours: Annotated[float, Field(gt=0, le=720)] = 72
    push_failing_many_hours: Annotated[float, Field(ge=0, le=720)] = 3
    push_failures_many: Annotated[int, Field(ge=1, le=10_000)] = 20

    @model_validator(mode="after")
    def _mail_is_from_somebody(self) -> Self:
        if self.smtp_url is not None and self.mail_from is None:
            raise ValueError("LIVEDROPS_MAIL_FROM is not set: with LIVEDROPS_SMTP_URL, mails need a sender")
        return self

    def patience(self) -> Patience:
        longest, shortest = timedelta(hours=self.push_failing_hours), timedelta(hours=self.push_failing_many_hours)
        return Patience(longest, shortest, self.push_failures_many)
