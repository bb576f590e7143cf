"""The reader's long work, in steps beside its daily work: recounts, rebuilds, and forgetting those who were deleted.

A step is some hundred documents. What it repairs and how far it is are written in one fenced transaction, so a reader that dies goes on with
the same step, and a second one can't work beside it. Steps run in the reader's own thread, between batches: nobody else writes lists and
counts meanwhile, and what the stream has yet to tell moves them on from where the step left them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pymongo.client_session import ClientSession

from services.contracts.users import JobState, User
from services.kernel.mongo_leases import MongoLease
from services.kernel.publisher import EventPublisher
from services.users.changes import of_deletion, of_follow
from services.users.derivation import Change, derive
from services.users.deriving import Deriver
from services.users.job_store import JobStore, OpenJob
from services.users.lists import Counts
from services.users.scans import Scans

EDGES_A_STEP = 1_000
PEOPLE_A_STEP = 500
# A reader looks for work so often; so long also waits what has to wait for the stream.
LOOK_EVERY_S = 0.5
# What a phase walks through, for its total.
_WALKED = {"follows": "follows", "lists": "followers", "counts": "users", "counts of nobody": "counts"}
# More to write in a step's transaction; answers how much it repaired.
More = Callable[[ClientSession], int]


@dataclass
class Step:
    """What a step found. cursor: where the next goes on. is_over: the phase has come to its end. touched: whose counts changed."""

    cursor: Any = None
    looked: int = 0
    repaired: int = 0
    is_over: bool = False
    changes: Sequence[Change] = ()
    people: Mapping[str, User] = field(default_factory=dict)
    more: More | None = None
    touched: set[str] = field(default_factory=set)


class Jobs:
    def __init__(self, deriver: Deriver, scans: Scans, store: JobStore, publisher: EventPublisher, lease: MongoLease) -> None:
        self._deriver = deriver
        self._scans = scans
        self._store = store
        self._publisher = publisher
        self._lease = lease
        self._job: OpenJob | None = None
        self._look_at = 0.0
        self._phases: dict[str, Callable[[OpenJob], Step]] = {
            "follows": self._check_follows,
            "lists": self._check_lists,
            "counts": self._check_counts,
            "counts of nobody": self._check_counts_of_nobody,
            "follows by them": self._end_follows_by,
            "follows of them": self._end_follows_of,
            "what is left": self._drop_what_is_left,
        }

    def is_under_way(self) -> bool:
        """Whether there is a step to do now."""
        if self._job is None and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self._job = self._store.next()
        return self._job is not None

    def step(self) -> set[str]:
        """Do a step, if there is one to do. Whose counts it changed."""
        job, self._job = self._job, None
        if job is None:
            return set()
        step = self._phases[job.phase_name](job)
        self._write(job, step)
        if step.looked or step.is_over:
            self._look_at = 0.0  # there is more to do at once
        return step.touched

    def _write(self, job: OpenJob, step: Step) -> None:
        """Repairs and place, in one transaction."""

        def beside(session: ClientSession) -> None:
            self._lease.fence(session, {})
            repaired = step.repaired + (step.more(session) if step.more else 0)
            self._store.move_on(job, self._place(job, step, repaired), session)

        step.touched |= self._deriver.apply(step.changes, step.people, beside).people()

    def _place(self, job: OpenJob, step: Step, repaired: int) -> dict[str, Any]:
        place = {
            "state": JobState.RUNNING.value,
            "cursor": step.cursor,
            "done": job.done + step.looked,
            "repaired": job.repaired + repaired,
        }
        if job.cursor is None:
            place["total"] = self._scans.size_of(_WALKED[job.phase_name]) if job.phase_name in _WALKED else 0
        if step.is_over and job.is_last_phase:
            return {**place, "state": JobState.DONE.value, "finished_at": datetime.now(UTC)}
        if step.is_over:
            return {**place, "phase": job.phase + 1, "cursor": None, "done": 0}
        return place

    # Rebuild: every follow is in its list, and nothing else is.

    def _check_follows(self, job: OpenJob) -> Step:
        found = self._scans.follows(job.cursor, EDGES_A_STEP)
        changes = list(found.values())
        people = self._deriver.people({person for change in changes if change.active for person in change.pair})
        changes = self._deriver.without_the_gone(changes, people)
        return self._repair(changes, people, list(found), len(found) < EDGES_A_STEP)

    def _check_lists(self, job: OpenJob) -> Step:
        found = self._scans.entries(job.cursor, EDGES_A_STEP)
        states = self._scans.states([pair for pair, _ in found.values()])
        changes = []
        for pair, followed_at in found.values():
            state = states.get(pair)
            if state is None or not state.active:
                version = state.version if state else int(followed_at.timestamp() * 1000) + 1
                changes.append(Change(*pair, False, followed_at, version))
        return self._repair(changes, {}, list(found), len(found) < EDGES_A_STEP)

    def _repair(self, changes: Sequence[Change], people: Mapping[str, User], looked: Sequence[str], is_over: bool) -> Step:
        """Tell what the lists do not show yet, before they do: its events may have been missed as well."""
        derivation = derive(self._deriver.listed(changes), changes)
        wrong = derivation.removed.keys() | derivation.put.keys()
        now = datetime.now(UTC)
        self._publisher.publish([of_follow(change, now) for change in changes if change.pair in wrong])
        cursor = looked[-1] if looked else None
        return Step(cursor, len(looked), len(wrong), is_over, [change for change in changes if change.pair in wrong], people)

    # Recount: counts are the lengths of the lists.

    def _check_counts(self, job: OpenJob) -> Step:
        found = self._scans.user_ids(job.cursor, PEOPLE_A_STEP)
        step = Step(found[-1] if found else None, len(found), is_over=len(found) < PEOPLE_A_STEP)

        def set_right(session: ClientSession) -> int:
            stored = self._scans.stored_counts(found, session)
            exact = self._scans.exact_counts(found, session)
            wrong = {user_id: counts for user_id, counts in exact.items() if stored.get(user_id, Counts()) != counts}
            self._scans.set_counts(wrong, session)
            step.touched |= wrong.keys()
            return len(wrong)

        step.more = set_right if found else None
        return step

    def _check_counts_of_nobody(self, job: OpenJob) -> Step:
        """Of people who were deleted, perhaps while nobody was listening."""
        found = self._scans.counted_ids(job.cursor, PEOPLE_A_STEP)
        nobody = sorted(set(found) - self._deriver.people(found).keys())
        now = datetime.now(UTC)
        self._publisher.publish([of_deletion(user_id, now) for user_id in nobody])
        return Step(
            found[-1] if found else None,
            len(found),
            is_over=len(found) < PEOPLE_A_STEP,
            more=(lambda session: self._drop_empty(nobody, session)) if nobody else None,
            touched=set(nobody),
        )

    def _drop_empty(self, user_ids: Sequence[str], session: ClientSession) -> int:
        exact = self._scans.exact_counts(user_ids, session)
        empty = [user_id for user_id, counts in exact.items() if counts == Counts()]
        self._scans.drop_counts(empty, session)
        self._scans.set_counts({user_id: counts for user_id, counts in exact.items() if counts != Counts()}, session)
        return len(empty)

    # Forget: follows of and by a deleted person end; the stream then takes them out of lists and counts, and tells of it.

    def _end_follows_by(self, job: OpenJob) -> Step:
        pairs = self._scans.follows_of(job.subject, EDGES_A_STEP)
        if pairs:
            self._deriver.follows.end(pairs)
        return Step("some", len(pairs), is_over=len(pairs) < EDGES_A_STEP)

    def _end_follows_of(self, job: OpenJob) -> Step:
        places = self._deriver.lists.page(job.subject, EDGES_A_STEP, tuple(job.cursor) if job.cursor else None)
        if places:
            self._deriver.follows.end([(user_id, job.subject) for _, user_id in places])
        return Step(list(places[-1]) if places else None, len(places), is_over=len(places) < EDGES_A_STEP)

    def _drop_what_is_left(self, job: OpenJob) -> Step:
        """The counts go last, when the stream has emptied the lists. A follow that came late ends by itself: its creator is gone."""
        if self._deriver.lists.page(job.subject, 1, None):
            return Step()

        def drop(session: ClientSession) -> int:
            return self._drop_empty([job.subject], session)

        return Step(is_over=True, more=drop, touched={job.subject})
