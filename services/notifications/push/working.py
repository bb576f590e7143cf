"""Working through what is to be pushed: chunks of a broadcast, what one person is told, and single deliveries that failed."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from services.contracts.events import Audience, Event, PushChunk, PushDelivery
from services.contracts.notifications import Notice
from services.contracts.users import MOST_FOLLOWERS, ListPlace
from services.kernel import calls, failpoints
from services.kernel.event_entrypoint import Failure, Hold, SomeFailed, held
from services.notifications import domain
from services.notifications.push import rules
from services.notifications.push.delivering import STEP_TIMEOUT_S, Outcome, Workshop, again_event, deliver, later, preferences_of
from services.notifications.push.fan_outs import Counts, Progress, chunk_id_of
from services.notifications.push.rules import DELIVERED_KEPT, Task
from services.notifications.telling import alive

# After a thousand people were looked at, a walk rests for as long as that took, at most so long.
LONGEST_REST_S = 1.0


class NotDelivered(Exception):
    """What a delivery failed with, as the dead letter shows it."""


def push_chunks(shop: Workshop, events: Sequence[Event]) -> None:
    """Work through chunks, each from where it is. One that is over is over at once. Raises Hold between two steps where this process is to end."""
    for event in events:
        chunk = msgspec.convert(event.data, PushChunk)
        with held():
            notice, progress = shop.store.fan_outs.notice(chunk.fan_out_id), shop.store.fan_outs.progress(chunk)
            while notice is not None and not progress.done and not _is_over(shop, notice):
                if shop.stopping.is_set():
                    raise Hold("This process ends; another goes on.")
                progress = _step(shop, chunk, notice, progress)


def _step(shop: Workshop, chunk: PushChunk, notice: Notice, before: Progress) -> Progress:
    """A thousand people, nearly all of whom have no endpoint."""
    begin = time.monotonic()
    people, next_place = _people(shop, chunk, notice, before.place)
    outcome = Outcome()
    targets = shop.store.endpoints.enabled_of(people) if people else {}
    # A walk through a million keeps the stores and the users service busy, which people wait for; nobody waits for the end of the walk.
    time.sleep(min(time.monotonic() - begin, LONGEST_REST_S))
    if targets:
        tasks = rules.tasks_for(notice, targets, preferences_of(shop, list(targets)), chunk_id_of(chunk))
        outcome = deliver(shop, tasks)
        later(shop, outcome.again)
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
            people = preferences_of(shop, list(targets))
            tasks = list[Task]()
            for user_id, notice in alive(shop.lives, wishes):
                if not _is_over(shop, notice):
                    tasks += rules.tasks_for(notice, {user_id: targets[user_id]}, people, None)
            later(shop, deliver(shop, tasks).again)


def push_again(shop: Workshop, events: Sequence[Event]) -> None:
    """Try deliveries again that failed. Raises SomeFailed for those that failed once more; a delay queue has them next."""
    wished = {event.id: msgspec.convert(event.data, PushDelivery) for event in events}
    with held():
        outcome = deliver(shop, _tasks_again(shop, list(wished.values())))
        again = {again_event(task).id: Failure(NotDelivered(answer.reason), answer.after_s) for task, answer in outcome.again}
        _count_again(shop, [one for event_id, one in wished.items() if event_id not in again], outcome)
    if again:
        raise SomeFailed(again)


def _tasks_again(shop: Workshop, wished: Sequence[PushDelivery]) -> list[Task]:
    """What is still to be delivered of these, to endpoints as they are now."""
    over = {notice_id for notice_id, notice in {one.notice.id: one.notice for one in wished}.items() if _is_over(shop, notice)}
    user_ids = sorted({one.user_id for one in wished})
    targets, people = shop.store.endpoints.enabled_of(user_ids), preferences_of(shop, user_ids)
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


def _is_over(shop: Workshop, notice: Notice) -> bool:
    """Whether nobody needs to be told any more: it is too long ago, or its drop was cancelled."""
    now = datetime.now(UTC)
    if domain.is_over(notice, shop.lives, now) or notice.at + DELIVERED_KEPT <= now:
        return True
    return notice.kind in rules.BROADCAST_KINDS and shop.store.fan_outs.is_cancelled(notice.drop_id)
