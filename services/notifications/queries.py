"""Every query that the notifications context puts to MongoDB, by the comment it carries, with its filter and how many shards it asks.

A test runs the context and checks that each command that goes over the wire is one of these, with exactly this filter, and that those that
claim one shard carry the shard key.
"""

from services.kernel.mongo_queries import Query, Reach

_ONE, _KEYS, _EVERY, _NONE = Reach.ONE_SHARD, Reach.SHARDS_OF_KEYS, Reach.EVERY_SHARD, Reach.UNSHARDED

QUERIES: dict[str, Query] = {
    # People: numbers, what is read, preferences.
    "people.get": Query("people", ("_id",), _ONE),
    "people.get_many": Query("people", ("_id",), _KEYS),
    "people.count": Query("people", ("_id",), _ONE),
    "people.read_all": Query("people", ("_id",), _ONE),
    "people.prefer": Query("people", ("_id",), _ONE),
    "people.bury": Query("people", ("_id",), _ONE),
    # Who muted somebody who is gone, a step at a time.
    "people.who_muted": Query("people", ("muted_creators",), _EVERY),
    "people.unmute": Query("people", ("_id",), _KEYS),
    # Personal notes.
    "notes.known": Query("notes", ("_id", "user_id"), _KEYS),
    "notes.add": Query("notes", ("user_id",), _ONE),
    "notes.page": Query("notes", ("number", "user_id"), _ONE),
    "notes.unread": Query("notes", ("number", "read", "user_id"), _ONE),
    "notes.count_unread": Query("notes", ("number", "read", "user_id"), _ONE),
    "notes.replay": Query("notes", ("notice.kind", "number", "user_id"), _ONE),
    "notes.read": Query("notes", ("_id", "read", "user_id"), _ONE),
    "notes.of_person": Query("notes", ("user_id",), _ONE),
    "notes.remove": Query("notes", ("_id", "user_id"), _ONE),
    # Broadcasts.
    "counters.get": Query("counters", ("_id",), _NONE),
    "counters.count": Query("counters", ("_id",), _NONE),
    "counters.touch": Query("counters", ("_id",), _NONE),
    "broadcasts.known": Query("broadcasts", ("_id", "creator_id"), _KEYS),
    "broadcasts.add": Query("broadcasts", ("creator_id",), _ONE),
    "broadcasts.of_creators": Query("broadcasts", ("creator_id", "number"), _KEYS),
    "broadcasts.of_drops": Query("broadcasts", ("creator_id", "drop_id", "number"), _KEYS),
    # By number or id alone: for a live process that missed some, and for who marks some as read.
    "broadcasts.after": Query("broadcasts", ("number",), _EVERY),
    "broadcasts.get_many": Query("broadcasts", ("_id",), _EVERY),
    "broadcasts.withdraw": Query("broadcasts", ("creator_id", "drop_id"), _ONE),
    "broadcasts.of_creator": Query("broadcasts", ("creator_id",), _ONE),
    "broadcasts.remove": Query("broadcasts", ("_id", "creator_id"), _ONE),
    "cancelled.add": Query("cancelled", ("_id",), _ONE),
    "cancelled.which": Query("cancelled", ("_id",), _KEYS),
    "cancelled.get": Query("cancelled", ("_id",), _ONE),
    # Broadcasts that a person has read.
    "marks.add": Query("marks", ("_id", "user_id"), _ONE),
    "marks.above": Query("marks", ("number", "user_id"), _ONE),
    "marks.of_person": Query("marks", ("user_id",), _ONE),
    "marks.remove": Query("marks", ("_id", "user_id"), _ONE),
    # Reminders.
    "reminders.add": Query("reminders", ("_id", "user_id"), _ONE),
    "reminders.forget": Query("reminders", ("_id", "user_id"), _ONE),
    "reminders.which": Query("reminders", ("_id", "user_id"), _ONE),
    "reminders.all": Query("reminders", ("user_id",), _ONE),
    "reminders.of_each": Query("reminders", ("user_id",), _KEYS),
    "reminders.of_person": Query("reminders", ("user_id",), _ONE),
    "reminders.remove": Query("reminders", ("_id", "user_id"), _ONE),
    # A drop has moved: a step at a time.
    "reminders.of_drop": Query("reminders", ("drop_id", "drop_version"), _EVERY),
    "reminders.move": Query("reminders", ("_id", "drop_version", "user_id"), _KEYS),
    # Those of a drop in pieces, for who tells them all.
    "reminders.cut": Query("reminders", ("$or", "drop_id", "since"), _EVERY),
    "reminders.cut_rest": Query("reminders", ("$or", "drop_id", "since"), _EVERY),
    "reminders.between": Query("reminders", ("$and", "drop_id", "since"), _EVERY),
    # Endpoints.
    "endpoints.renew": Query("endpoints", ("_id", "endpoints.id"), _ONE),
    "endpoints.add": Query("endpoints", ("_id", "endpoints.9", "endpoints.id"), _ONE),
    "endpoints.load": Query("endpoints", ("_id",), _ONE),
    "endpoints.get": Query("endpoints", ("_id",), _ONE),
    "endpoints.get_many": Query("endpoints", ("_id",), _KEYS),
    "endpoints.enable": Query("endpoints", ("_id", "endpoints.id"), _ONE),
    "endpoints.switch_off": Query("endpoints", ("_id", "endpoints.id"), _ONE),
    "endpoints.remove": Query("endpoints", ("_id",), _ONE),
    "endpoints.forget": Query("endpoints", ("_id",), _ONE),
    "endpoints.note": Query("endpoints", ("_id", "endpoints.id"), _ONE),
    # Deliveries.
    "deliveries.add": Query("deliveries", ("user_id",), _ONE),
    "deliveries.claim": Query("deliveries", ("_id", "user_id"), _ONE),
    "deliveries.claimed": Query("deliveries", ("_id", "user_id"), _KEYS),
    "deliveries.mark": Query("deliveries", ("_id", "claim", "user_id"), _KEYS),
    "deliveries.give_back": Query("deliveries", ("_id", "claim", "user_id"), _KEYS),
    "deliveries.of_person": Query("deliveries", ("user_id",), _ONE),
    "deliveries.remove": Query("deliveries", ("_id", "user_id"), _ONE),
    # Fan-outs and their chunks.
    "fan_outs.begin": Query("fan_outs", ("_id",), _ONE),
    "fan_outs.advance": Query("fan_outs", ("_id", "step"), _ONE),
    "fan_outs.notice": Query("fan_outs", ("_id",), _ONE),
    "fan_outs.get": Query("fan_outs", ("_id",), _ONE),
    # For operators.
    "fan_outs.newest": Query("fan_outs", (), _EVERY),
    "chunks.get": Query("chunks", ("_id", "fan_out_id"), _ONE),
    "chunks.checkpoint": Query("chunks", ("_id", "fan_out_id", "step"), _ONE),
    "chunks.count": Query("chunks", ("_id", "fan_out_id"), _ONE),
    "chunks.sum": Query("chunks", ("fan_out_id",), _KEYS),
}
