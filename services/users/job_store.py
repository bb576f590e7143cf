"""I/O of the reader's long work itself: what was asked for, and how far it is. One document a job."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from services.contracts.errors import NotFound
from services.contracts.users import Job, JobKind, JobState
from services.kernel.mongo import Document, Mongo

# Not asked for by anybody: it follows from the deletion of a person, its subject.
FORGET = "FORGET"
PHASES: dict[str, tuple[str, ...]] = {
    JobKind.RECOUNT: ("counts", "counts of nobody"),
    JobKind.REBUILD_FOLLOWERS: ("follows", "lists", "counts", "counts of nobody"),
    FORGET: ("follows by them", "follows of them", "what is left"),
}
_OPEN = [JobState.WAITING.value, JobState.RUNNING.value]


@dataclass(frozen=True)
class OpenJob:
    """A job with its place. phase: index into PHASES of its kind. cursor: of this phase, None at its beginning."""

    id: str
    kind: str
    subject: str
    phase: int
    cursor: Any
    done: int
    repaired: int

    @property
    def phase_name(self) -> str:
        return PHASES[self.kind][self.phase]

    @property
    def is_last_phase(self) -> bool:
        return self.phase + 1 == len(PHASES[self.kind])


class JobStore:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._jobs = mongo.collection("jobs")

    def ask(self, kind: JobKind) -> Job:
        """Begin one of this kind, unless one is open. The one that is open then."""
        self._ask(kind.value, kind.value, "")
        return self.get(kind)

    def ask_to_forget(self, user_id: str, session: ClientSession) -> None:
        """In the transaction that learns of a deletion."""
        fresh = _fresh(FORGET, user_id)
        self._jobs.update_one({"_id": f"{FORGET}:{user_id}"}, {"$set": fresh}, upsert=True, session=session, comment="jobs.forget")

    def get(self, kind: JobKind) -> Job:
        """The last of this kind. Raises NotFound."""
        with self._mongo.errors():
            found = self._jobs.find_one({"_id": kind.value}, comment="jobs.get")
        if found is None:
            raise NotFound("No such work was ever asked for.", kind=kind.value)
        phase = PHASES[kind][found["phase"]]
        return Job(
            kind,
            JobState(found["state"]),
            phase,
            int(found["done"]),
            max(int(found["total"]), int(found["done"])),
            int(found["repaired"]),
            found["requested_at"],
            found["finished_at"],
        )

    def next(self) -> OpenJob | None:
        """The open job that was asked for first."""
        with self._mongo.errors():
            found = self._jobs.find_one({"state": {"$in": _OPEN}}, sort=[("requested_at", 1)], comment="jobs.next")
        if found is None:
            return None
        return OpenJob(
            found["_id"], found["kind"], found["subject"], found["phase"], found["cursor"], int(found["done"]), int(found["repaired"])
        )

    def move_on(self, job: OpenJob, fields: Document, session: ClientSession) -> None:
        """Write how far it is, in the transaction of its step."""
        self._jobs.update_one({"_id": job.id}, {"$set": fields}, session=session, comment="jobs.move_on")

    def _ask(self, id: str, kind: str, subject: str) -> None:
        with self._mongo.errors():
            try:
                self._jobs.update_one(
                    {"_id": id, "state": {"$nin": _OPEN}}, {"$set": _fresh(kind, subject)}, upsert=True, comment="jobs.ask"
                )
            except DuplicateKeyError:
                return  # one is open already


def _fresh(kind: str, subject: str) -> Document:
    return {
        "kind": kind,
        "subject": subject,
        "state": JobState.WAITING.value,
        "phase": 0,
        "cursor": None,
        "done": 0,
        "total": 0,
        "repaired": 0,
        "requested_at": datetime.now(UTC),
        "finished_at": None,
    }
