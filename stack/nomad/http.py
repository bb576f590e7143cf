"""Asking an agent on this machine over HTTP."""

from collections.abc import Mapping
from typing import Any

import msgspec
import urllib3

from stack.errors import StackError

# An agent answers in milliseconds; while it chooses a leader, in seconds.
DEADLINE_S = 20.0
_NOT_FOUND = 404


class Refused(StackError):
    """The agent said no, or nothing. status: of HTTP, 0 where there was no answer."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Agent:
    """One agent's HTTP API. name: for errors."""

    def __init__(self, name: str, address: str, headers: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.address = address
        self._http = urllib3.PoolManager(headers=dict(headers or {}), retries=False, timeout=DEADLINE_S)

    def get(self, path: str) -> Any:
        """The answer's JSON. Raises Refused."""
        return self._ask("GET", path)

    def find(self, path: str) -> Any:
        """The answer's JSON, None where there is no such thing. Raises Refused."""
        try:
            return self._ask("GET", path)
        except Refused as refusal:
            if refusal.status == _NOT_FOUND:
                return None
            raise

    def put(self, path: str, body: object = None, raw: bytes | None = None) -> Any:
        """body: sent as JSON; raw: as it is. Raises Refused."""
        return self._ask("PUT", path, raw if raw is not None else msgspec.json.encode(body))

    def delete(self, path: str) -> Any:
        """Raises Refused."""
        return self._ask("DELETE", path)

    def text(self, path: str) -> str:
        """The answer as it is. Raises Refused."""
        return self._request("GET", path, None).decode(errors="replace")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        answer = self._request(method, path, body)
        return msgspec.json.decode(answer) if answer.strip() else None

    def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            response = self._http.request(method, f"{self.address}{path}", body=body)
        except urllib3.exceptions.HTTPError as error:
            raise Refused(f"{self.name} at {self.address} does not answer: {error}", 0) from error
        if response.status >= 300:
            said = response.data.decode(errors="replace").strip()[:500]
            raise Refused(f"{self.name} answered {method} {path} with {response.status}: {said}", response.status)
        return bytes(response.data)
