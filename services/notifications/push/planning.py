"""Planning a fan-out: its people, cut into chunks, onto the work queue. In steps, each kept before its chunks are sent; dying anywhere, the next
one who hears of the event goes on with the same chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from services.contracts.events import Audience, Event, PushChunk
from services.contracts.users import ListPlace, Piece, Users
from services.kernel import calls, failpoints, ids
from services.kernel.event_entrypoint import held
from services.kernel.metrics import Metrics
from services.kernel.publisher import EventPublisher
from services.notifications import domain
from services.notifications.domain import Lives
from services.notifications.push.fan_outs import FanOuts, Plan
from services.notifications.reminders import Reminders
from services.notifications.telling import alive

# Pieces of one step: a fraction of a second for users, and a document of some KB here.
PIECES_A_STEP = 20
# A step of a list of millions, on a busy machine.
STEP_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Planner:
    """What planning works with. size: people of a chunk."""

    fan_outs: FanOuts
    reminders: Reminders
    users: Users
    publisher: EventPublisher
    lives: Lives
    metrics: Metrics
    size: int


def plan_all(planner: Planner, events: Sequence[Event]) -> None:
    """Begin fan-outs for what happened to drops, or go on where somebody died."""
    for _, notice in alive(planner.lives, [(domain.BROADCASTS, domain.broadcast(event)) for event in events]):
        with held():
            plan = planner.fan_outs.begin(notice)
            while not planner.fan_outs.is_cancelled(notice.drop_id):
                _send(planner, plan)
                if plan.planned and not plan.pending:
                    break
                plan = _step(planner, plan)


def _step(planner: Planner, plan: Plan) -> Plan:
    """The plan one step on, whoever made the step."""
    if plan.planned:
        step = plan.sent()
    else:
        pieces, more = _cut(planner, plan)
        step = plan.with_pieces(pieces, more)
    failpoints.reach("push.after_plan")
    if not planner.fan_outs.advance(step):
        return planner.fan_outs.begin(plan.notice)
    planner.metrics.count("notifications.push.planned", sum(chunk.people for chunk in step.pending))
    return step


def _cut(planner: Planner, plan: Plan) -> tuple[Sequence[Piece], bool]:
    if plan.audience is Audience.FOLLOWERS:
        with calls.under(calls.begin(STEP_TIMEOUT_S)):
            found = planner.users.cut_followers(
                creator_id=plan.notice.creator_id or "", after=plan.place, size=planner.size, most=PIECES_A_STEP
            )
        return found.pieces, found.more
    pieces, place = list[Piece](), plan.place
    while len(pieces) < PIECES_A_STEP:
        cut = planner.reminders.cut(plan.notice.drop_id or "", planner.size, (place.followed_at, place.user_id))
        if cut is None:
            return pieces, False
        place = ListPlace(*cut[0])
        pieces.append(Piece(place, cut[1]))
    return pieces, True


def _send(planner: Planner, plan: Plan) -> None:
    """Each alone: a message of several would be one worker's."""
    for chunk in plan.pending:
        planner.publisher.publish([_event(chunk, plan.notice.at)])
    failpoints.reach("push.after_chunks")


def _event(chunk: PushChunk, at: datetime) -> Event:
    """at: when it happened that is told; so an operator sees how late its people are."""
    id = ids.derived_id("push.chunk", chunk.fan_out_id, chunk.number)
    return Event(id, "push.chunk", at, msgspec.to_builtins(chunk), traceparent=calls.traceparent())
