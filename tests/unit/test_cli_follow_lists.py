"""How the long work on lists and counts is watched."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from cli import long_work
from cli.commands import follow_lists
from cli.commands.follow_lists import progress_line, watch
from cli.failures import CommandFailed
from services.contracts.errors import Unavailable
from services.contracts.users import Job, JobKind, JobState, Users

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WAITING = Job(JobKind.RECOUNT, JobState.WAITING, "counts", 0, 0, 0, NOW, None)
HALF = msgspec.structs.replace(WAITING, state=JobState.RUNNING, done=1_000, total=2_000, repaired=3)
DONE = msgspec.structs.replace(HALF, state=JobState.DONE, done=2_000, finished_at=NOW)


class Answers:
    """A users service that answers these in turn, then the last of them for ever."""

    def __init__(self, *answers: Job | Exception) -> None:
        self._answers = list(answers)

    def get_job(self, *, kind: JobKind) -> Job:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_work, "LOOK_EVERY_S", 0.0)


def users(*answers: Job | Exception) -> Users:
    return cast(Users, Answers(*answers))


def test_progress_is_told_when_it_changes() -> None:
    said: list[str] = []
    assert watch(users(HALF, Unavailable(), HALF, DONE), WAITING, said.append) == DONE
    assert said == ["waiting for the reader", "counts: 1,000 of about 2,000 (50 %), 3 repaired"]


def test_an_estimate_that_was_too_low_is_not_shown_as_more_than_all() -> None:
    assert "(100 %)" in progress_line(msgspec.structs.replace(HALF, done=2_500))


def test_work_that_does_not_move_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_lists, "SILENT_S", 0.0)
    sink: Any = lambda line: None  # noqa: E731
    with pytest.raises(CommandFailed, match="users-capture"):
        watch(users(WAITING), WAITING, sink)
