"""What tests without servers share."""

import os
from pathlib import Path

import pytest

from stack.binaries import find


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Comes with Prometheus. Skipped where that is not, but never in CI."""
    found = find("promtool")
    if found is None:
        reason = "promtool is not here: apt-get install prometheus, or `make monitor`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
