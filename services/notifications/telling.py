"""What happens when something has happened: it is written once, and then told to who is connected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from services.contracts.events import DropTold, Event, UserDeleted
from services.contracts.notifications import Notice
from services.kernel import failpoints
from services.kernel.cache import batched
from services.kernel.event_entrypoint import held
from services.kernel.metrics import Metrics
from services.notifications import domain
from services.notifications.domain import Lives, Numbered, Wish
from services.notifications.live import Live
from services.notifications.store import Store

# Notes of one transaction: some tenths of a second at most.
NOTES_AT_ONCE = 1_000


@dataclass(frozen=True)
class Desk:
    """What the use cases of events work with."""

    store: Store
    live: Live
    lives: Lives
    metrics: Metrics


def tell_people(desk: Desk, events: Sequence[Event]) -> None:
    """Tell buyers of their orders."""
    for wishes in batched(alive(desk.lives, [domain.personal(event) for event in events]), NOTES_AT_ONCE):
        with held():
            numbering = desk.store.notes.add(wishes)
        failpoints.reach("notifications.after_commit")
        desk.live.tell_people(numbering.all())
        _measure(desk.metrics, "notifications.notes", numbering.fresh)


def tell_all(desk: Desk, events: Sequence[Event]) -> None:
    """Broadcast what happens to drops, in the order told; a drop that was cancelled is not told of any more."""
    notices = list[Notice]()
    for event in events:
        if event.type == "drop.cancelled":
            _broadcast(desk, notices)
            notices = []
            drop = msgspec.convert(event.data, DropTold).drop
            with held():
                desk.store.broadcasts.withdraw(drop.id, drop.creator_id)
        else:
            notices.append(domain.broadcast(event))
    _broadcast(desk, notices)


def _broadcast(desk: Desk, notices: Sequence[Notice]) -> None:
    wishes = alive(desk.lives, [(domain.BROADCASTS, notice) for notice in notices])
    if not wishes:
        return
    with held():
        numbering = desk.store.broadcasts.add([notice for _, notice in wishes])
    failpoints.reach("notifications.after_commit")
    desk.live.tell_all(numbering.all())
    _measure(desk.metrics, "notifications.broadcasts", numbering.fresh)


def keep_up(desk: Desk, events: Sequence[Event]) -> None:
    """Follow what becomes of people and drops."""
    for event in events:
        with held():
            if event.type == "user.deleted":
                forget_person(desk, msgspec.convert(event.data, UserDeleted).user_id)
            else:
                drop = msgspec.convert(event.data, DropTold).drop
                while desk.store.reminders.move(drop):
                    pass


def forget_person(desk: Desk, user_id: str) -> None:
    """Remove all that is theirs, a step at a time. Dying anywhere, it is done again, and what is gone is gone."""
    store = desk.store
    store.people.bury(user_id)
    store.endpoints.forget(user_id)
    for removal in (store.notes.removal, store.marks.removal, store.reminders.removal, store.broadcasts.removal, store.deliveries.removal):
        while removal.step(user_id):
            pass
    while store.people.unmute(user_id):
        pass


def alive(lives: Lives, wishes: Sequence[Wish]) -> list[Wish]:
    """Without what is too old to be kept."""
    now = datetime.now(UTC)
    return [wish for wish in wishes if not domain.is_over(wish[1], lives, now)]


def _measure(metrics: Metrics, name: str, told: Sequence[Numbered]) -> None:
    """How many, and how long after the cause each was told."""
    now = datetime.now(UTC)
    metrics.count(name, len(told))
    for one in told:
        metrics.timing("notifications.delay_ms", max(0.0, (now - one.notice.at).total_seconds()))
