"""The shop's page: the files of `storefront/`, prepared once as bytes.

Each file is at an address that carries the digest of all of them, and is kept for ever. The shell, one for all pages, is asked for each time and
names these addresses. What a person sees is made by the page itself, from GraphQL.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.http import parse_accept_header

from services.contracts.errors import NotFound
from services.kernel import web

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SHELL = "/storefront"
_SHELL_FILE = "index.html"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PAGE = re.compile(rf"/(?:search|orders|inbox|sign-in|sign-up|desk(?:/new|/products/{_ID}|/drops/{_ID})?|(?:drops|creators)/{_ID})?")
# REST answers at these addresses as well: only a browser that goes there means the page.
_SHARED = re.compile(rf"/(?:search|drops/{_ID})")
_FOR_EVER = "public, max-age=31536000, immutable"
# Asked for each time, and sent only where it is another one.
_ASK_AGAIN = "no-cache"


@dataclass(frozen=True)
class _File:
    body: bytes
    content_type: str
    etag: str


class Storefront:
    """media: the address that pictures begin with, or a path on this host."""

    def __init__(self, media: str) -> None:
        found = dict(_read(files("storefront")))
        shell = found.pop(_SHELL_FILE)
        self._digest = hashlib.sha256(b"".join(name.encode() + body for name, body in sorted(found.items()))).hexdigest()[:16]
        self._files = {name: _file(name, body) for name, body in found.items()}
        self._shell = _file(_SHELL_FILE, self._filled(shell.decode(), media).encode())
        self._shell_headers = {**_protection(media), "Cache-Control": _ASK_AGAIN, "Vary": "Accept"}

    def _filled(self, shell: str, media: str) -> str:
        """The shell with the addresses of its parts. All modules are named, so that the browser fetches them at once and not one after the other."""
        assets = f"{SHELL}/{self._digest}"
        modules = (f'<link rel="modulepreload" href="{assets}/{name}">' for name in sorted(self._files) if name.endswith(".js"))
        return Template(shell).substitute(assets=assets, media=media, modules="\n".join(modules))

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule(SHELL, "page", lambda: _answer(self._shell, self._shell_headers))
        app.add_url_rule(f"{SHELL}/<digest>/<path:name>", "asset", self._asset)

    def _asset(self, digest: str, name: str) -> Response:
        found = self._files.get(name)
        if found is None:
            return web.problem(NotFound("There is no such file."))
        # While versions change, a neighbour's shell may ask here for what it has: it gets ours, but not to keep.
        return _answer(found, {"Cache-Control": _FOR_EVER if digest == self._digest else _ASK_AGAIN})

    def before(self, application: "WSGIApplication") -> "WSGIApplication":
        """The application with the shell at every page's address."""

        def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            is_reading = environ["REQUEST_METHOD"] in ("GET", "HEAD")
            if is_reading and is_page(environ.get("PATH_INFO", ""), environ.get("HTTP_ACCEPT", "")):
                environ["PATH_INFO"] = SHELL
            return application(environ, start_response)

        return answer


def is_page(path: str, accept: str) -> bool:
    """Whether the shell is what is asked for."""
    if not _PAGE.fullmatch(path):
        return False
    return not _SHARED.fullmatch(path) or _prefers_html(accept)


def _prefers_html(accept: str) -> bool:
    """Browsers name text/html; programs name JSON, or take whatever comes."""
    values = dict(parse_accept_header(accept))
    return values.get("text/html", 0) > max(values.get("application/json", 0), 0)


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file that a browser may have, by its path."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _TYPES:
            yield prefix + entry.name, entry.read_bytes()


def _file(name: str, body: bytes) -> _File:
    kind = _TYPES[name.rpartition(".")[2]]
    return _File(body, f"{kind}; charset=utf-8", hashlib.sha256(body).hexdigest()[:32])


def _answer(file: _File, headers: dict[str, str]) -> Response:
    response = Response(file.body, headers=headers, content_type=file.content_type)
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response


def _protection(media: str) -> dict[str, str]:
    """What the page may load and do: its own files, this API and our pictures. No text ever becomes HTML or script (Trusted Types)."""
    place = urlsplit(media)
    pictures = f"'self' {place.scheme}://{place.netloc}" if place.netloc else "'self'"
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        f"img-src {pictures}",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(rules),
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    }
