"""The shop's page as it is served: which addresses, for whom, with which headers."""

import re
import uuid

import pytest
import requests

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ID = str(uuid.uuid4())
PAGES = ("/", "/search?q=x", f"/drops/{ID}", f"/creators/{ID}", "/orders", "/inbox", "/desk", f"/desk/drops/{ID}", "/sign-in", "/sign-up")


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_gets_the_shell_at_every_page(address: str, path: str) -> None:
    answer = requests.get(f"{address}{path}", headers=BROWSER, timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<main" in answer.text
    rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert {rules[name] for name in ("frame-ancestors", "base-uri")} == {"'none'"}
    assert rules["img-src"] == f"'self' {address}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=", answer.text)


@pytest.mark.parametrize("path", ["/search?q=x", f"/drops/{ID}"])
@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5"])
def test_a_program_gets_json_where_a_page_has_the_same_address(address: str, path: str, accept: str) -> None:
    answer = requests.get(f"{address}{path}", headers={"Accept": accept}, timeout=10)
    assert answer.headers["Content-Type"].split(";")[0] in ("application/json", "application/problem+json")


@pytest.mark.parametrize(
    "path", ["/nothing", "/drops/x", f"/orders/{ID}", f"/creators/{ID.upper()}", "/storefront/x/nothing.js", "/desk/x"]
)
def test_there_is_no_page_elsewhere(address: str, path: str) -> None:
    answer = requests.get(f"{address}{path}", headers=BROWSER, timeout=10)
    assert answer.status_code in (400, 404)
    assert answer.json()["code"] in ("NOT_FOUND", "INVALID_INPUT")


def test_the_shell_is_asked_for_again_and_its_parts_are_kept(address: str) -> None:
    shell = requests.get(f"{address}/", headers=BROWSER, timeout=10)
    assert shell.headers["Cache-Control"] == "no-cache"
    again = requests.get(f"{address}/", headers={**BROWSER, "If-None-Match": shell.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    parts = re.findall(r'(?:src|href)="(/storefront/[^"]+)"', shell.text)
    assert len(parts) == len(set(parts)) + 1, "main.js is preloaded, and nothing else is named twice"
    for part in set(parts):
        answer = requests.get(f"{address}{part}", timeout=10)
        kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[part.rpartition(".")[2]]
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_part_of_another_version_is_not_kept(address: str) -> None:
    answer = requests.get(f"{address}/storefront/{'0' * 16}/main.js", timeout=10)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
