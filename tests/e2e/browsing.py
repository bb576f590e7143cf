"""People at browsers: what they do on the page, and what must never happen there."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Response, expect

from tests.conftest import PASSWORD

PHONE, SMALLEST, DESKTOP = (390, 844), (320, 640), (1280, 860)
# A page is there when it shows what it asked for; the slowest of them waits for a search.
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)
# What breaks a rule of the Content-Security-Policy, told where the tests listen.
_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`broke ${event.effectiveDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


@dataclass
class Visitor:
    """One person with a browser profile of their own. problems: what the page did wrong."""

    context: BrowserContext
    address: str
    email: str = field(default_factory=lambda: f"{uuid.uuid4().hex}@example.org")
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.add_init_script(_REPORT_VIOLATIONS)
        self.page = self.tab()

    def tab(self) -> Page:
        """One more tab of the same browser."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        # That an answer was an error is for the page to deal with, and for each test to look at.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(message.text)

    def open(self, path: str) -> Page:
        """A page, once it shows what it asked for."""
        self.page.goto(f"{self.address}{path}")
        return self.settled()

    def settled(self) -> Page:
        expect(self.page.locator("main")).not_to_have_attribute("aria-busy", "true")
        return self.page

    def sign_up(self, name: str) -> None:
        page = self.open("/sign-up")
        page.get_by_label("Name").fill(name)
        page.get_by_label("E-mail").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        self.settled()

    def sign_in(self, email: str) -> None:
        self.email = email
        page = self.open("/sign-in")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        self.settled()

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path


def typed(moment: datetime) -> str:
    """A moment as a field of local date and time takes it. The browsers of these tests live in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def answer_of(response: Response) -> Any:
    """The JSON of an answer; None where its page is gone."""
    try:
        return response.json()
    except Error:
        return None
