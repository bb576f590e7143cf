"""Whatever is heard late, twice or never: each client is told each thing once, in order, and in the end all."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.live.progress import Numbers, Progress, Verdict
from services.contracts.notifications import Place

LAST = 12
# What a client hears of its person's notes, in any order, doubled or not at all; 0 stands for an answer of the service.
HEARD = st.lists(st.integers(0, LAST), max_size=60)


class Client:
    """A client as the inbox treats it, with what it was told."""

    def __init__(self, begin: int) -> None:
        self.progress = Progress(Place(begin, 0))
        self.told: list[int] = []

    def hear(self, number: int) -> None:
        verdict = self.progress.note(number)
        if verdict is Verdict.NEXT:
            self.told.append(number)
        elif verdict is Verdict.MISSING:
            self.progress.is_asking = True

    def answer(self, upto: int) -> None:
        """What the service has by then."""
        if self.progress.is_asking:
            self.told += range(self.progress.place.personal + 1, upto + 1)
            self.progress.answered(Place(upto, 0))
            self.progress.is_asking = self.progress.is_behind()


@given(HEARD, st.integers(0, LAST))
def test_each_note_is_told_once_and_in_order_whatever_is_heard(heard: list[int], begin: int) -> None:
    client, written = Client(begin), begin
    for number in heard:
        # Nothing is heard of before it is written.
        written = max(written, number)
        if number:
            client.hear(number)
        else:
            client.answer(written)
    if not client.progress.has_all(written):  # the look that comes in the end
        client.progress.hear_of(Place(written, 0))
    client.progress.is_asking = client.progress.is_behind()
    client.answer(written)
    assert client.told == list(range(begin + 1, written + 1))
    assert not client.progress.is_behind()
    assert client.progress.has_all(written)
    assert not client.progress.has_all(written + 1)


@given(HEARD)
def test_broadcasts_are_handed_on_once_and_in_order(heard: list[int]) -> None:
    numbers, handed = Numbers(), list[int]()
    assert numbers.passed(0)
    written = 0
    for number in heard:
        written = max(written, number)
        if number and numbers.heard(number) is Verdict.NEXT:
            handed.append(number)
        elif not number:
            handed += [one for one in range(1, written + 1) if numbers.passed(one)]
    handed += [one for one in range(1, written + 1) if numbers.passed(one)]
    assert handed == list(range(1, written + 1))
    assert not numbers.is_behind()


def test_broadcasts_that_are_gone_are_passed_by() -> None:
    numbers = Numbers()
    assert numbers.is_behind()
    assert numbers.heard(7) is Verdict.MISSING
    assert numbers.passed(4)
    assert numbers.passed(9)
    assert numbers.heard(9) is Verdict.HAD
    assert numbers.heard(10) is Verdict.NEXT


def test_of_broadcasts_a_client_hears_only_some() -> None:
    progress = Progress(Place(3, 10))
    assert progress.broadcast(15) is Verdict.NEXT
    assert progress.broadcast(12) is Verdict.HAD
    assert progress.place == Place(3, 15)


def test_while_it_is_asked_nothing_overtakes_the_answer() -> None:
    progress = Progress(Place(3, 10))
    progress.is_asking = True
    assert progress.note(4) is Verdict.MISSING
    assert progress.broadcast(11) is Verdict.MISSING
    progress.answered(Place(4, 10))
    assert progress.is_behind()
    progress.answered(Place(4, 11))
    assert not progress.is_behind()
