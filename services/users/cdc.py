"""The change-stream reader, the only one that derives anything and the only publisher of users' events: python -m services.users.cdc

One at a time under a lease. For each batch of changes it publishes the events, with confirms; then, in one transaction that the lease's epoch
fences, writes lists, counts and its own place in the stream; then drops from the cache what changed. Dying anywhere in between does a part
again, which changes nothing: events have ids derived from what they tell, counts move only with the lists, the cache is dropped again.
Where the store no longer remembers the place, lists and counts are rebuilt from the follows.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession

from services.contracts.users import JobKind
from services.kernel import failpoints
from services.kernel.cache import Cache
from services.kernel.change_stream import Batch, ChangeStream, PlaceLost
from services.kernel.leases import LEASE_S
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.kernel.mongo_leases import MongoLease
from services.kernel.process import enter
from services.kernel.publisher import EventPublisher
from services.kernel.worker import run_rounds
from services.users.changes import PIPELINE, events_of, read
from services.users.deriving import Deriver
from services.users.dropping import Dropper
from services.users.job_store import JobStore
from services.users.jobs import Jobs
from services.users.scans import Scans
from services.users.settings import UsersSettings

log = logging.getLogger("livedrops.capture")
LEASE = "users-capture"
# Changes in a batch: enough to share the price of a transaction, few enough for one of a tenth of a second or two.
BATCH = 1_000
# An idle reader asks so often; the store answers at once when something happens. It also bounds how late a stop is noticed.
WAIT_S = 0.5
# An idle reader keeps its place so often: the oplog moves on under it with what others write.
KEEP_PLACE_S = 2.0


class StoreClock:
    """The time of day by the store's clock, asked once: what a change says of its time is by that clock, too, and ours may be wrong."""

    def __init__(self, mongo: Mongo) -> None:
        self._begin = mongo.now()
        self._ahead = timedelta(seconds=time.monotonic())

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=time.monotonic()) - self._ahead


class Capture:
    def __init__(self, mongo: Mongo, publisher: EventPublisher, dropper: Dropper, lease: MongoLease, metrics: Metrics) -> None:
        self._mongo = mongo
        self._publisher = publisher
        self._dropper = dropper
        self._lease = lease
        self._metrics = metrics
        self._deriver = Deriver(mongo)
        self._job_store = JobStore(mongo)
        self._jobs = Jobs(self._deriver, Scans(mongo), self._job_store, publisher, lease)
        self._stream: ChangeStream | None = None
        self._kept_at = 0.0

    def round(self) -> float:
        """Take in what has happened, and do a step of the long work. Returns the seconds to pause."""
        epoch = self._lease.epoch
        if not self._lease.hold():
            self._close_stream()
            return LEASE_S / 3
        if self._lease.epoch != epoch:
            self._close_stream()  # others may have led meanwhile: go on where they were
        try:
            self._lead()
        except PlaceLost as lost:
            self._close_stream()
            log.error("CHANGES WERE MISSED: lists and counts are being rebuilt", extra={"reason": str(lost)})
            self._metrics.count("users.capture.place_lost")
            self._begin_here()
        except BaseException:
            self._close_stream()  # opened again at the place that was kept
            raise
        return 0.0

    def _lead(self) -> None:
        stream = self._stream or self._open_stream()
        batch = stream.next(0.0 if self._jobs.is_under_way() else WAIT_S)
        if batch.changes:
            self._take_in(batch)
        else:
            self._rest(batch)
        self._dropper.people |= self._jobs.step()
        self._dropper.drop()

    def _open_stream(self) -> ChangeStream:
        """Go on where the last leader was. What he may not have dropped from the cache any more is dropped, all of it."""
        self._clock = StoreClock(self._mongo)
        self._dropper.forget_everything()
        place = self._lease.kept().get("place") or self._begin_here()
        self._stream = ChangeStream(self._mongo.database, PIPELINE, place, BATCH)
        return self._stream

    def _begin_here(self) -> Any:
        """Begin at this moment of the cluster. What was before is derived by a rebuild."""
        with self._mongo.errors():
            now = self._mongo.client.admin.command("ping")["operationTime"]
        self._job_store.ask(JobKind.REBUILD_FOLLOWERS)
        self._keep(now)
        return now

    def _take_in(self, batch: Batch) -> None:
        news = read(batch.changes)
        people = self._deriver.people(news.people())
        failpoints.reach("capture.before_publish")
        self._publisher.publish(events_of(news, people))
        # Who asks reads the follows themselves, so this need not wait for the lists; and dying behind it tells it again.
        self._dropper.tell_followers({change.user_id for change, _ in news.follows})
        for user_id in news.renamed & people.keys():
            self._deriver.rename(people[user_id])
        changes = self._deriver.without_the_gone([change for change, _ in news.follows], people)
        failpoints.reach("capture.before_commit")

        def beside(session: ClientSession) -> None:
            self._lease.fence(session, {"place": batch.place, "at": news.at})
            for user_id in news.deleted:
                self._job_store.ask_to_forget(user_id, session)

        derivation = self._deriver.apply(changes, people, beside)
        failpoints.reach("capture.after_commit")
        self._kept_at = time.monotonic()
        self._dropper.people |= derivation.people() | news.changed.keys() | news.deleted.keys()
        self._tell_lag(news.at, len(batch.changes))

    def _rest(self, batch: Batch) -> None:
        """Nothing has happened: the place still moves on."""
        if time.monotonic() - self._kept_at >= KEEP_PLACE_S:
            self._keep(batch.place)
            self._metrics.gauge("users.capture.lag_ms", 0)

    def _keep(self, place: Any) -> None:
        """All that has happened until now is taken in."""
        kept = {"place": place, "at": self._clock.now()}
        with self._mongo.errors():
            self._mongo.transaction(lambda session: self._lease.fence(session, kept))
        self._kept_at = time.monotonic()

    def _tell_lag(self, at: datetime | None, changes: int) -> None:
        self._metrics.count("users.capture.changes", changes)
        if at is not None:
            lag_s = (self._clock.now() - at).total_seconds()
            self._metrics.gauge("users.capture.lag_ms", max(0.0, lag_s * 1000))

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        self._close_stream()
        self._lease.release()
        self._publisher.stop()
        self._mongo.close()


def main() -> None:
    settings = UsersSettings.load_or_exit()
    here = enter(settings)
    mongo = Mongo(settings.users_mongo_url.get_secret_value(), settings.users_mongo_database, here.metrics, patient=True)
    publisher = EventPublisher(settings.broker_url.get_secret_value(), settings.unit)
    cache = Cache(settings.redis_url.get_secret_value(), here.metrics, settings.redis_deadline_s)
    here.require("mongo", mongo.check)
    here.require("broker", publisher.check)
    here.prefer("redis", cache.check)
    publisher.start()
    capture = Capture(mongo, publisher, Dropper(cache), MongoLease(mongo, LEASE), here.metrics)
    run_rounds(here, capture.round, capture.close)


if __name__ == "__main__":
    main()
