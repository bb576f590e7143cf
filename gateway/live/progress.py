"""How far a client has got in its person's stream: what is next for it, what it has had, and what is missing in between. Pure."""

from enum import Enum, auto

from services.contracts.notifications import Place


class Verdict(Enum):
    """NEXT: to be told now. HAD: it was told. MISSING: something before it was not heard; ask for all from the place on."""

    NEXT = auto()
    HAD = auto()
    MISSING = auto()


class Progress:
    """place: up to there all was told. Personal notes have numbers without gaps. Of broadcasts a person hears only some, in their order: whoever
    hands them in has seen to it that none was left out."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._heard = place
        self.is_asking = False

    def note(self, number: int) -> Verdict:
        """A personal note was heard of."""
        self._hear(Place(number, 0))
        if number <= self.place.personal:
            return Verdict.HAD
        if self.is_asking or number > self.place.personal + 1:
            return Verdict.MISSING
        self.place = self.place._replace(personal=number)
        return Verdict.NEXT

    def broadcast(self, number: int) -> Verdict:
        """A broadcast for this person has come, and all before it were handed in."""
        self._hear(Place(0, number))
        if number <= self.place.broadcasts:
            return Verdict.HAD
        if self.is_asking:
            return Verdict.MISSING
        self.place = self.place._replace(broadcasts=number)
        return Verdict.NEXT

    def has_all(self, number: int) -> bool:
        """Whether everything up to this personal note was told, and everything that was heard of."""
        place, heard = self.place, self._heard
        return number <= place.personal and heard.personal <= place.personal and heard.broadcasts <= place.broadcasts

    def hear_of(self, place: Place) -> None:
        """There is something up to there, whether it is for this person or not."""
        self._hear(place)

    def answered(self, place: Place) -> None:
        """All up to there was told, by an answer to what was missing."""
        self.place = Place(max(self.place.personal, place.personal), max(self.place.broadcasts, place.broadcasts))

    def is_behind(self) -> bool:
        """Whether more was heard of than was told."""
        return self._heard.at_most(self.place) != self._heard

    def _hear(self, place: Place) -> None:
        self._heard = Place(max(self._heard.personal, place.personal), max(self._heard.broadcasts, place.broadcasts))


class Numbers:
    """The numbers of all broadcasts, which have no gaps. last: up to there all were handed on; None before it is known where they are."""

    def __init__(self) -> None:
        self.last: int | None = None
        self._heard = 0

    def heard(self, number: int) -> Verdict:
        self._heard = max(self._heard, number)
        if self.last is None or number > self.last + 1:
            return Verdict.MISSING
        if number <= self.last:
            return Verdict.HAD
        self.last = number
        return Verdict.NEXT

    def passed(self, number: int) -> bool:
        """This one is the next that there is: those before it are gone. False where it was handed on."""
        if self.last is not None and number <= self.last:
            return False
        self.last = number
        return True

    def is_behind(self) -> bool:
        return self.last is None or self._heard > self.last
