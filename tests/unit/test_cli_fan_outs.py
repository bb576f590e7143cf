"""What `livedrops fan-outs` shows."""

from datetime import UTC, datetime

import msgspec
import pytest

from cli.commands.fan_outs import row, show
from services.contracts.notifications import FanOut, FanOutState, Notice, NoticeKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTICE = Notice("00000000-0000-4000-8000-000000000abc", NoticeKind.DROP_LOW_STOCK, NOW, "A hat")
FAN_OUT = FanOut(NOTICE.id, NOTICE, FanOutState.DELIVERING, NOW, 12_000, 3, 1, 5_000, 40, 1, 2)


def test_a_line_says_how_far_it_is() -> None:
    assert row(FAN_OUT) == (NOTICE.id, "drop low stock", "delivering", 12_000, "1/3", 5_000, 40, 1, 2, "A hat")


def test_a_table_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    show([FAN_OUT, FAN_OUT], as_json=False)
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["FAN-OUT", "WHAT", "STATE"]
    assert len(lines) == 2


def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    show([FAN_OUT], as_json=True)
    assert msgspec.json.decode(capsys.readouterr().out, type=list[FanOut]) == [FAN_OUT]
