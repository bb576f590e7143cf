"""What `livedrops reindex` shows, and when it gives up."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from cli import long_work
from cli.commands import reindex
from cli.failures import CommandFailed
from services.contracts.errors import Unavailable
from services.contracts.search import Reindex, ReindexState, Search

NOW = datetime.now(UTC)


def job(state: ReindexState, phase: str, done: int = 0, total: int = 0, message: str = "") -> Reindex:
    return Reindex(state, phase, done, total, NOW, None, message)


class Asked:
    """Answers one after the other, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def get_reindex(self) -> Reindex:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return cast(Reindex, answer)


def watch(*answers: Any) -> tuple[Reindex, list[str]]:
    lines: list[str] = []
    return reindex.watch(cast(Search, Asked(*answers)), job(ReindexState.RUNNING, "waiting"), lines.append), lines


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_work, "LOOK_EVERY_S", 0.0)


def test_it_is_watched_to_its_end_through_a_service_that_is_away() -> None:
    under_way = job(ReindexState.RUNNING, "products", 1200, 5000)
    done, lines = watch(under_way, Unavailable(), under_way, job(ReindexState.DONE, "done", 5000))
    assert done.done == 5000
    assert lines == ["waiting for the indexer", "products: 1,200 of about 5,000 (24 %)"]


def test_the_first_one_does_not_know_how_much_there_is() -> None:
    assert reindex.progress_line(job(ReindexState.RUNNING, "drops", 7)) == "drops: 7"
    assert reindex.progress_line(job(ReindexState.RUNNING, "drops", 9, 7)) == "drops: 9 of about 7 (100 %)"


def test_one_that_failed_says_why() -> None:
    with pytest.raises(CommandFailed, match="no such field"):
        watch(job(ReindexState.FAILED, "drops", message="no such field."))


def test_one_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindex, "SILENT_S", 0.01)
    with pytest.raises(CommandFailed, match="search-indexer"):
        watch(job(ReindexState.RUNNING, "drops"))
