"""Sending one delivery, over whichever channel it is for."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from services.contracts.errors import AddressNotAllowed
from services.contracts.notifications import EndpointKind
from services.notifications.push import mails, outbound, rules, web_push, webhooks
from services.notifications.push.mails import Mailer
from services.notifications.push.outbound import Outbound, Reply, Silent
from services.notifications.push.rules import Answer, Task, Verdict
from services.notifications.push.web_push import Vapid

# No delivery takes longer, over whichever channel.
LONGEST_S = max(outbound.WHOLE_S, mails.WHOLE_S)


@dataclass(frozen=True)
class Mail:
    """end_link: where a person ends their mails."""

    mailer: Mailer
    sender: str
    end_link: Callable[[str], str]


@dataclass(frozen=True)
class Sender:
    """vapid, mail: None where these channels are off."""

    outbound: Outbound
    vapid: Vapid | None
    mail: Mail | None

    def send(self, task: Task, address: str | None) -> Answer:
        """Try once. address: the person's e-mail address, where it is for mail. Raises nothing but what is a fault of ours."""
        if task.target.endpoint.kind is EndpointKind.EMAIL:
            return self._mail(task, address)
        try:
            reply = self._web_push(task) if task.target.endpoint.kind is EndpointKind.WEB_PUSH else self._webhook(task)
        except AddressNotAllowed as error:
            return Answer(Verdict.REFUSED, error.message)
        except Silent as error:
            return Answer(Verdict.AGAIN, error.message)
        if reply is None:
            return Answer(Verdict.AGAIN, "Web push is off here.", ours=True)
        return rules.answer_of(reply.status, task.target.endpoint.kind, _patience_s(reply))

    def _webhook(self, task: Task) -> Reply:
        body = webhooks.body_of(task)
        return self.outbound.post(self.outbound.place_of(task.target.endpoint.url or ""), body, webhooks.headers_of(task, body))

    def _web_push(self, task: Task) -> Reply | None:
        if self.vapid is None:
            return None
        place = self.outbound.place_of(task.target.endpoint.url or "")
        return self.outbound.post(place, web_push.encrypted(task, web_push.body_of(task)), self.vapid.headers_of(place))

    def _mail(self, task: Task, address: str | None) -> Answer:
        if self.mail is None:
            return Answer(Verdict.AGAIN, "Mail is off here.", ours=True)
        if address is None:
            return Answer(Verdict.REFUSED, "There is no such person any more.")
        return self.mail.mailer.send(mails.message_of(task, address, self.mail.sender, self.mail.end_link(task.user_id)))

    def close(self) -> None:
        self.outbound.close()
        if self.mail is not None:
            self.mail.mailer.close()


def _patience_s(reply: Reply) -> float:
    """What Retry-After asks for: seconds, or a date; what is neither asks for nothing."""
    text = reply.retry_after or ""
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
        return max(0.0, (at - type(at).now(at.tzinfo)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
