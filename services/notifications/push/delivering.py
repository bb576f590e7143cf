"""Delivering: claimed, sent, marked, and what comes of it for the endpoint; whoever works through something hands deliveries to this."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import eventlet
import msgspec

from services.contracts.events import Event, PushDelivery
from services.contracts.notifications import EndpointKind, Notice, NoticeKind, Preferences
from services.contracts.users import Users
from services.kernel import calls, failpoints, ids
from services.kernel.cache import batched
from services.kernel.metrics import Metrics
from services.kernel.publisher import EventPublisher
from services.kernel.topology import delay_step
from services.notifications.domain import Lives
from services.notifications.live import Live
from services.notifications.push import rules
from services.notifications.push.deliveries import CLAIM_S, Claim, State
from services.notifications.push.fan_outs import Counts
from services.notifications.push.rules import Answer, Patience, Task, Verdict
from services.notifications.push.sending import LONGEST_S, Sender
from services.notifications.store import Store

log = logging.getLogger("livedrops.push")
# Deliveries claimed together: some hundredths of a second for the store, and what a dying worker leaves to be sent again.
BATCH = 128
BATCHES_AT_ONCE = 3
# Addresses of one call to users.
ADDRESSES = 100
STEP_TIMEOUT_S = 20.0
AGAIN = "notifications.push_again"


@dataclass(frozen=True)
class Workshop:
    """What the workers work with. pool: bounds the deliveries under way in this process. stopping: it is to end, and long work to pause."""

    store: Store
    live: Live
    lives: Lives
    users: Users
    publisher: EventPublisher
    sender: Sender
    patience: Patience
    metrics: Metrics
    pool: eventlet.GreenPool
    stopping: threading.Event


@dataclass
class Outcome:
    """again: to be tried later, with what came of it."""

    delivered: list[Task] = field(default_factory=list)
    failed: list[tuple[Task, Answer]] = field(default_factory=list)
    again: list[tuple[Task, Answer]] = field(default_factory=list)

    def counts(self, looked_at: int = 0) -> Counts:
        return Counts(looked_at, len(self.delivered), len(self.failed), len(self.again))


def preferences_of(shop: Workshop, user_ids: Sequence[str]) -> dict[str, Preferences | None]:
    """Of those of whom something is known; None of who is gone."""
    people = shop.store.people.get_many(user_ids)
    return {user_id: None if one.gone else one.preferences for user_id, one in people.items()}


def deliver(shop: Workshop, tasks: Sequence[Task]) -> Outcome:
    """Try each once, unless it is over already. What somebody else is at now, or died at, is tried again.

    Some batches at once: while the store claims or marks one, others are sent. Raises what one of them raised, when all have ended.
    """
    outcome, errors, batches = Outcome(), list[Exception](), eventlet.GreenPool(BATCHES_AT_ONCE)

    def deliver_some(some: Sequence[Task]) -> None:
        try:
            _deliver_batch(shop, some, outcome)
        except Exception as error:
            errors.append(error)

    for some in batched(tasks, BATCH):
        batches.spawn_n(deliver_some, some)
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
    row: Counter[str] = Counter()
    for task, answer in blamed:
        row[task.target.endpoint.id] += 1  # one endpoint may have failed more than once in a batch
        _judge(shop, task, answer, task.target.failures + row[task.target.endpoint.id], now)
    outcome.delivered += arrived
    outcome.failed += failed
    outcome.again += again
    _measure(shop.metrics, arrived, failed, again, now)


def _judge(shop: Workshop, task: Task, answer: Answer, failures: int, now: datetime) -> None:
    """End an endpoint at which nothing will arrive any more, or has not for too long."""
    endpoint = task.target.endpoint
    if answer.verdict is Verdict.GONE and endpoint.kind is EndpointKind.WEB_PUSH:
        shop.store.endpoints.remove(task.user_id, endpoint.id)  # the browser ended its subscription: nobody is surprised
    elif answer.verdict is Verdict.GONE or rules.is_exhausted(failures, endpoint.failing_since or now, now, shop.patience):
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
    told = rules.tasks_for(notice, others, preferences_of(shop, [task.user_id]), None)
    later(shop, [(other, Answer(Verdict.AGAIN)) for other in told])


def later(shop: Workshop, again: Sequence[tuple[Task, Answer]]) -> None:
    """Hand deliveries to the delay queues, those that wait in the same one together."""
    waiting: dict[int, list[tuple[Task, Answer]]] = {}
    for task, answer in again:
        waiting.setdefault(delay_step(1, answer.after_s), []).append((task, answer))
    for some in waiting.values():
        shop.publisher.publish_later([again_event(task) for task, _ in some], AGAIN, max(answer.after_s for _, answer in some))


def again_event(task: Task) -> Event:
    wish = PushDelivery(task.user_id, task.target.endpoint.id, task.notice, task.chunk_id)
    return Event(
        ids.derived_id("push.delivery", task.id),
        "push.delivery",
        task.notice.at,
        msgspec.to_builtins(wish),
        traceparent=calls.traceparent(),
    )


def _measure(metrics: Metrics, arrived: Sequence[Task], failed: Sequence[object], again: Sequence[object], now: datetime) -> None:
    metrics.count("notifications.push.delivered", len(arrived))
    metrics.count("notifications.push.failed", len(failed))
    metrics.count("notifications.push.again", len(again))
    for task in arrived[:1]:  # those of a batch are as old as each other
        metrics.timing("notifications.push.delay_ms", max(0.0, (now - task.notice.at).total_seconds()))
