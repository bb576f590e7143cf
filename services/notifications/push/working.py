"""Working through what is to be pushed: chunks of a broadcast, what one person is told, and single deliveries that failed."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import eventlet
import msgspec

from services.contracts.events import Audience, Event, PushChunk, PushDelivery
from services.contracts.notifications import EndpointKind, Notice, NoticeKind, Preferences
from services.contracts.users import MOST_FOLLOWERS, ListPlace, Users
from services.kernel import calls, failpoints, ids
from services.kernel.cache import batched
from services.kernel.event_entrypoint import Failure, SomeFailed
from services.kernel.metrics import Metrics
from services.kernel.publisher import EventPublisher
from services.kernel.topology import delay_step
from services.notifications import domain
from services.notifications.domain import Lives
from services.notifications.live import Live
from services.notifications.push import rules
from services.notifications.push.deliveries import CLAIM_S, Claim, State
from services.notifications.push.fan_outs import Counts, Progress, chunk_id_of
from services.notifications.push.rules import DELIVERED_KEPT, Answer, Patience, Task, Verdict
from services.notifications.push.sending import LONGEST_S, Sender
from services.notifications.store import Store
from services.notifications.telling import alive, held

log = logging.getLogger("livedrops.push")
# Deliveries claimed together: some hundredths of a second for the store, and what a dying worker leaves to be sent again.
BATCH = 128
BATCHES_AT_ONCE = 3
# Addresses of one call to users.
ADDRESSES = 100
STEP_TIMEOUT_S = 20.0
AGAIN = "notifications.push_again"


class NotDelivered(Exception):
    """What a delivery failed with, as the dead letter shows it."""


@dataclass(frozen=True)
class Workshop:
    """What the workers work with. pool: bounds the deliveries under way in this process."""

    store: Store
    live: Live
    lives: Lives
    users: Users
    publisher: EventPublisher
    sender: Sender
    patience: Patience
    metrics: Metrics
    pool: eventlet.GreenPool


@dataclass
class Outcome:
    """again: to be tried later, with what came of it."""

    delivered: list[Task] = field(default_factory=list)
    failed: list[tuple[Task, Answer]] = field(default_factory=list)
    again: list[tuple[Task, Answer]] = field(default_factory=list)

    def counts(self, looked_at: int = 0) -> Counts:
        return Counts(looked_at, len(self.delivered), len(self.failed), len(self.again))


def push_chunks(shop: Workshop, events: Sequence[Event]) -> None:
    """Work through chunks, each from where it is. One that is over is over at once."""
    for event in events:
        chunk = msgspec.convert(event.data, PushChunk)
        with held():
            notice, progress = shop.store.fan_outs.notice(chunk.fan_out_id), shop.store.fan_outs.progress(chunk)
            while notice is not None and not progress.done and not _is_over(shop, notice):
                progress = _step(shop, chunk, notice, progress)


def _step(shop: Workshop, chunk: PushChunk, notice: Notice, before: Progress) -> Progress:
    """A thousand people, nearly all of whom have no endpoint."""
    people, next_place = _people(shop, chunk, notice, before.place)
    outcome = Outcome()
    targets = shop.store.endpoints.enabled_of(people) if people else {}
    if targets:
        tasks = rules.tasks_for(notice, targets, _preferences(shop, list(targets)), chunk_id_of(chunk))
        outcome = _deliver(shop, tasks)
        _later(shop, outcome.again)
    failpoints.reach("push.before_checkpoint")
    shop.metrics.count("notifications.push.looked_at", len(people))
    return shop.store.fan_outs.checkpoint(chunk, before, next_place, outcome.counts(len(people)))


def _people(shop: Workshop, chunk: PushChunk, notice: Notice, after: ListPlace) -> tuple[list[str], ListPlace | None]:
    """The next of a chunk, and the place behind them, None at its end."""
    if chunk.audience is Audience.FOLLOWERS:
        with calls.under(calls.begin(STEP_TIMEOUT_S)):
            found = shop.users.list_follower_ids(creator_id=notice.creator_id or "", after=after, until=chunk.until)
        return found.user_ids, found.next
    ends = (after.followed_at, after.user_id), (chunk.until.followed_at, chunk.until.user_id)
    places = shop.store.reminders.between(notice.drop_id or "", MOST_FOLLOWERS, *ends)
    return [user_id for _, user_id in places], ListPlace(*places[-1]) if len(places) == MOST_FOLLOWERS else None


def push_people(shop: Workshop, events: Sequence[Event]) -> None:
    """Push to buyers what they are told of their orders. One look for all of them; for who has no endpoint, that is all."""
    with held():
        targets = shop.store.endpoints.enabled_of(sorted({event.data["order"]["user_id"] for event in events}))
        if targets:
            wishes = [domain.personal(event) for event in events if event.data["order"]["user_id"] in targets]
            people = _preferences(shop, list(targets))
            tasks = list[Task]()
            for user_id, notice in alive(shop.lives, wishes):
                if not _is_over(shop, notice):
                    tasks += rules.tasks_for(notice, {user_id: targets[user_id]}, people, None)
            _later(shop, _deliver(shop, tasks).again)


def push_again(shop: Workshop, events: Sequence[Event]) -> None:
    """Try deliveries again that failed. Raises SomeFailed for those that failed once more; a delay queue has them next."""
    wished = {event.id: msgspec.convert(event.data, PushDelivery) for event in events}
    with held():
        outcome = _deliver(shop, _tasks_again(shop, list(wished.values())))
        again = {_again(task).id: Failure(NotDelivered(answer.reason), answer.after_s) for task, answer in outcome.again}
        _count_again(shop, [one for event_id, one in wished.items() if event_id not in again], outcome)
    if again:
        raise SomeFailed(again)


def _tasks_again(shop: Workshop, wished: Sequence[PushDelivery]) -> list[Task]:
    """What is still to be delivered of these, to endpoints as they are now."""
    over = {notice_id for notice_id, notice in {one.notice.id: one.notice for one in wished}.items() if _is_over(shop, notice)}
    user_ids = sorted({one.user_id for one in wished})
    targets, people = shop.store.endpoints.enabled_of(user_ids), _preferences(shop, user_ids)
    tasks: dict[str, Task] = {}
    for one in wished:
        theirs = [target for target in targets.get(one.user_id, ()) if target.endpoint.id == one.endpoint_id]
        if one.notice.id not in over:
            tasks |= {task.id: task for task in rules.tasks_for(one.notice, {one.user_id: theirs}, people, one.chunk_id)}
    return list(tasks.values())


def _count_again(shop: Workshop, over: Sequence[PushDelivery], outcome: Outcome) -> None:
    """Those that are over are counted in their chunks as what they came to."""
    counts: dict[str, Counts] = {}
    for chunk_id, one in (
        *((one.chunk_id, Counts(retried=-1)) for one in over),
        *((task.chunk_id, Counts(delivered=1)) for task in outcome.delivered),
        *((task.chunk_id, Counts(failed=1)) for task, _ in outcome.failed),
    ):
        if chunk_id:
            counts[chunk_id] = counts.get(chunk_id, Counts()) + one
    for chunk_id, sums in counts.items():
        shop.store.fan_outs.count(chunk_id, sums)


def _preferences(shop: Workshop, user_ids: Sequence[str]) -> dict[str, Preferences | None]:
    """Of those of whom something is known; None of who is gone."""
    people = shop.store.people.get_many(user_ids)
    return {user_id: None if one.gone else one.preferences for user_id, one in people.items()}


def _deliver(shop: Workshop, tasks: Sequence[Task]) -> Outcome:
    """Try each once, unless it is over already. What somebody else is at now, or died at, is tried again.

    Some batches at once: while the store claims or marks one, others are sent. Raises what one of them raised, when all have ended.
    """
    outcome, errors, batches = Outcome(), list[Exception](), eventlet.GreenPool(BATCHES_AT_ONCE)

    def deliver(some: Sequence[Task]) -> None:
        try:
            _deliver_batch(shop, some, outcome)
        except Exception as error:
            errors.append(error)

    for some in batched(tasks, BATCH):
        batches.spawn_n(deliver, some)
    batches.waitall()
    if errors:
        raise errors[0]
    return outcome


def _deliver_batch(shop: Workshop, tasks: Sequence[Task], outcome: Outcome) -> None:
    last_begin = time.monotonic() + CLAIM_S - LONGEST_S
    claim = shop.store.deliveries.claim(tasks)
    failpoints.reach("push.after_claim")
    outcome.again += [(task, Answer(Verdict.AGAIN, "Another worker has it.", CLAIM_S, ours=True)) for task in claim.busy]
    answers = _send_all(shop, claim.mine, last_begin)
    failpoints.reach("push.after_answer")
    _settle(shop, claim, answers, outcome)


def _send_all(shop: Workshop, tasks: Sequence[Task], last_begin: float) -> list[tuple[Task, Answer]]:
    addresses = _addresses(shop, sorted({task.user_id for task in tasks if task.target.endpoint.kind is EndpointKind.EMAIL}))
    under_way = [(task, shop.pool.spawn(_send, shop.sender, task, addresses.get(task.user_id), last_begin)) for task in tasks]
    return [(task, thread.wait()) for task, thread in under_way]


def _send(sender: Sender, task: Task, address: str | None, last_begin: float) -> Answer:
    """A fault of ours in one delivery is that delivery's alone, tried again, and in the end among the dead letters.

    What could not begin in time is not begun: its claim might run out under it.
    """
    if time.monotonic() > last_begin:
        return Answer(Verdict.AGAIN, "Others took too long.", ours=True)
    try:
        return sender.send(task, address)
    except Exception as error:
        log.exception("a delivery failed", extra={"delivery": task.id})
        return Answer(Verdict.AGAIN, f"A fault of ours: {type(error).__name__}", ours=True)


def _addresses(shop: Workshop, user_ids: Sequence[str]) -> dict[str, str]:
    """Where mails go: to what the person's address is now."""
    found: dict[str, str] = {}
    for some in batched(user_ids, ADDRESSES):
        with calls.under(calls.begin(STEP_TIMEOUT_S)):
            found |= {user.id: user.email for user in shop.users.get_users(user_ids=some)}
    return found


def _settle(shop: Workshop, claim: Claim, answers: Sequence[tuple[Task, Answer]], outcome: Outcome) -> None:
    """Write down what came of a batch: the deliveries first, since they say what is not sent again."""
    now = datetime.now(UTC)
    arrived = [task for task, answer in answers if answer.verdict is Verdict.DELIVERED]
    again = [(task, answer) for task, answer in answers if answer.verdict is Verdict.AGAIN]
    failed = [(task, answer) for task, answer in answers if answer.verdict in (Verdict.REFUSED, Verdict.GONE)]
    shop.store.deliveries.mark(claim, arrived, State.DELIVERED)
    shop.store.deliveries.mark(claim, [task for task, _ in failed], State.FAILED)
    shop.store.deliveries.give_back(claim, [task for task, _ in again])
    blamed = [(task, answer) for task, answer in [*failed, *again] if not answer.ours]
    shop.store.endpoints.note(arrived, [task for task, _ in blamed], now)
    for task, answer in blamed:
        _judge(shop, task, answer, now)
    outcome.delivered += arrived
    outcome.failed += failed
    outcome.again += again
    _measure(shop.metrics, arrived, failed, again, now)


def _judge(shop: Workshop, task: Task, answer: Answer, now: datetime) -> None:
    """End an endpoint at which nothing will arrive any more, or has not for too long."""
    target, endpoint = task.target, task.target.endpoint
    if answer.verdict is Verdict.GONE and endpoint.kind is EndpointKind.WEB_PUSH:
        shop.store.endpoints.remove(task.user_id, endpoint.id)  # the browser ended its subscription: nobody is surprised
    elif answer.verdict is Verdict.GONE or rules.is_exhausted(target.failures + 1, endpoint.failing_since or now, now, shop.patience):
        _switch_off(shop, task, answer.reason, now)


def _switch_off(shop: Workshop, task: Task, reason: str, now: datetime) -> None:
    """Told first, and under an id that is the same each time: dying in between tells it again, which is once."""
    endpoint = task.target.endpoint
    since = endpoint.failing_since or now
    notice = Notice(
        id=ids.derived_id("endpoint.disabled", endpoint.id, int(since.timestamp())),
        kind=NoticeKind.ENDPOINT_DISABLED,
        at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        name=rules.name_of(endpoint),
        reason=reason,
    )
    numbering = shop.store.notes.add([(task.user_id, notice)])
    shop.live.tell_people(numbering.all())
    shop.store.endpoints.switch_off(task.user_id, endpoint.id, reason)
    shop.metrics.count("notifications.push.switched_off")
    others = shop.store.endpoints.enabled_of([task.user_id])
    told = rules.tasks_for(notice, others, _preferences(shop, [task.user_id]), None)
    _later(shop, [(other, Answer(Verdict.AGAIN)) for other in told])


def _later(shop: Workshop, again: Sequence[tuple[Task, Answer]]) -> None:
    """Hand deliveries to the delay queues, those that wait in the same one together."""
    waiting: dict[int, list[tuple[Task, Answer]]] = {}
    for task, answer in again:
        waiting.setdefault(delay_step(1, answer.after_s), []).append((task, answer))
    for some in waiting.values():
        shop.publisher.publish_later([_again(task) for task, _ in some], AGAIN, max(answer.after_s for _, answer in some))


def _again(task: Task) -> Event:
    wish = PushDelivery(task.user_id, task.target.endpoint.id, task.notice, task.chunk_id)
    return Event(ids.derived_id("push.delivery", task.id), "push.delivery", task.notice.at, msgspec.to_builtins(wish))


def _is_over(shop: Workshop, notice: Notice) -> bool:
    """Whether nobody needs to be told any more: it is too long ago, or its drop was cancelled."""
    now = datetime.now(UTC)
    if domain.is_over(notice, shop.lives, now) or notice.at + DELIVERED_KEPT <= now:
        return True
    return notice.kind in rules.BROADCAST_KINDS and shop.store.fan_outs.is_cancelled(notice.drop_id)


def _measure(metrics: Metrics, arrived: Sequence[Task], failed: Sequence[object], again: Sequence[object], now: datetime) -> None:
    metrics.count("notifications.push.delivered", len(arrived))
    metrics.count("notifications.push.failed", len(failed))
    metrics.count("notifications.push.again", len(again))
    for task in arrived[:1]:  # those of a batch are as old as each other
        metrics.timing("notifications.push.delay_ms", max(0.0, (now - task.notice.at).total_seconds()))
