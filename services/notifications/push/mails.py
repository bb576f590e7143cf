"""Mail: what a notice looks like as one, and the line to an SMTP server, with deadlines."""

import html
import smtplib
import ssl
import threading
import time
from collections import deque
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from urllib.parse import unquote, urlsplit

import eventlet

from services.notifications.push import rules
from services.notifications.push.rules import Answer, Task, Verdict

# Of one command, and of a mail as a whole, with the time that it waits for a line.
TIMEOUT_S, WHOLE_S = 5.0, 10.0
# Lines at once; servers count them.
MOST_LINES = 8
# A server that can't be reached is left alone for so long: its mails wait in the delay queues, and hold up nothing.
AWAY_S = 10.0
# Where a person's mails can be ended, behind the public address.
UNSUBSCRIBE_PATH = "/notifications/unsubscribe"
_HTML = """<!doctype html>
<html><body style="font-family: sans-serif">
<h1 style="font-size: 1.2em">{title}</h1>
<p>{text}</p>
<p style="color: #666; font-size: .85em">You asked LiveDrops for this mail. <a href="{end}">Send me no more</a>.</p>
</body></html>
"""


def message_of(task: Task, to: str, sender: str, end_link: str) -> EmailMessage:
    """Text and HTML. Headers can't be broken out of: what is in them is one line, or the standard library refuses it."""
    title, text = _one_line(rules.title(task.notice)), rules.text(task.notice)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, title
    mail["Date"] = format_datetime(localtime(task.notice.at))
    mail["Message-ID"] = f"<{task.id}@{sender.rpartition('@')[2]}>"
    mail["List-Unsubscribe"] = f"<{end_link}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{title}\n\n{text}\n\n-- \nYou asked LiveDrops for this mail. Send me no more: {end_link}\n")
    shown = {"title": html.escape(title), "text": html.escape(text), "end": html.escape(end_link, quote=True)}
    mail.add_alternative(_HTML.format(**shown), subtype="html")
    return mail


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


class _WholeTimeOver(Exception):
    pass


class Mailer:
    """url: smtp://[user:password@]host[:port] or smtps://. Used by many green threads at once, each with a line of its own."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._implicit_tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._implicit_tls else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._tls = tls or ssl.create_default_context()
        self._idle: deque[smtplib.SMTP] = deque()
        self._lines = threading.BoundedSemaphore(MOST_LINES)
        self._away_until = 0.0

    def send(self, mail: EmailMessage) -> Answer:
        """A refusal of this one address is the endpoint's fault, all else is ours."""
        try:
            with eventlet.Timeout(WHOLE_S, _WholeTimeOver), self._lines:
                return self._send(mail)
        except (_WholeTimeOver, smtplib.SMTPException, OSError) as error:
            return Answer(Verdict.AGAIN, f"The mail server can't be reached: {type(error).__name__}", ours=True)

    def _send(self, mail: EmailMessage) -> Answer:
        line = self._line()
        try:
            line.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            self._keep(line)
            code, said = next(iter(error.recipients.values()))
            return _refused(code, f"The mail server refused the address: {code} {said!r}"[:200])
        except smtplib.SMTPResponseException as error:
            line.close()
            return Answer(
                Verdict.AGAIN if error.smtp_code < 500 else Verdict.REFUSED, f"The mail server said {error.smtp_code}.", ours=True
            )
        except BaseException:
            line.close()
            raise
        self._keep(line)
        return Answer(Verdict.DELIVERED)

    def _line(self) -> smtplib.SMTP:
        while self._idle:
            line = self._idle.pop()
            try:
                if line.noop()[0] == 250:
                    return line
            except (smtplib.SMTPException, OSError):
                pass
            line.close()
        if time.monotonic() < self._away_until:
            raise smtplib.SMTPServerDisconnected("It was away a moment ago.")
        try:
            return self._open()
        except (smtplib.SMTPException, OSError):
            self._away_until = time.monotonic() + AWAY_S
            raise

    def _open(self) -> smtplib.SMTP:
        if self._implicit_tls:
            line: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=self._tls)
        else:
            line = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        try:
            line.ehlo_or_helo_if_needed()
            if not self._implicit_tls and line.has_extn("starttls"):
                line.starttls(context=self._tls)
            if self._user:
                if not isinstance(line.sock, ssl.SSLSocket):
                    raise smtplib.SMTPNotSupportedError("The mail server offers no TLS: no password is sent in the clear.")
                line.login(self._user, self._password)
        except BaseException:
            line.close()
            raise
        return line

    def _keep(self, line: smtplib.SMTP) -> None:
        self._idle.append(line)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _refused(code: int, reason: str) -> Answer:
    return Answer(Verdict.REFUSED if code >= 500 else Verdict.AGAIN, reason)
