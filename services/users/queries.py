"""Every query that the users context puts to MongoDB, by the comment it carries, with its filter and how many shards it asks.

A test runs the context and checks that each command that goes over the wire is one of these, with exactly this filter, and that those that
claim one shard carry the shard key. The comment also shows in MongoDB's log, profiler and currentOp.
"""

from services.kernel.mongo_queries import Query, Reach

_ONE, _KEYS, _CREATOR, _EVERY, _NONE = Reach.ONE_SHARD, Reach.SHARDS_OF_KEYS, Reach.CREATOR, Reach.EVERY_SHARD, Reach.UNSHARDED

QUERIES: dict[str, Query] = {
    # People and their sessions.
    "users.add": Query("users", ("_id",), _ONE),
    "users.get": Query("users", ("_id",), _ONE),
    "users.get_many": Query("users", ("_id",), _KEYS),
    # Everybody's profile, a page at a time, for services that keep what they read.
    "users.walk": Query("users", ("_id",), _EVERY),
    "users.walk_from": Query("users", (), _EVERY),
    "users.set_roles": Query("users", ("_id",), _ONE),
    "users.add_role": Query("users", ("_id", "roles"), _ONE),
    "users.update": Query("users", ("_id",), _ONE),
    "users.delete": Query("users", ("_id",), _ONE),
    "emails.add": Query("emails", ("_id",), _ONE),
    "emails.get": Query("emails", ("_id",), _ONE),
    "emails.free": Query("emails", ("_id", "user_id"), _ONE),
    "sessions.add": Query("sessions", ("user_id",), _ONE),
    "sessions.get": Query("sessions", ("_id", "user_id"), _ONE),
    "sessions.rotate": Query("sessions", ("_id", "current", "user_id"), _ONE),
    "sessions.end": Query("sessions", ("_id", "user_id"), _ONE),
    "sessions.end_all": Query("sessions", ("user_id",), _ONE),
    # The follows themselves.
    "follows.follow": Query("follows", ("_id", "user_id"), _ONE),
    "follows.unfollow": Query("follows", ("_id", "active", "user_id"), _ONE),
    "follows.get": Query("follows", ("_id", "user_id"), _ONE),
    "follows.get_of_person": Query("follows", ("_id", "active", "user_id"), _ONE),
    "follows.page": Query("follows", ("active", "followed_at", "user_id"), _ONE),
    "follows.page_on": Query("follows", ("$or", "active", "followed_at", "user_id"), _ONE),
    "follows.of_each": Query("follows", ("active", "user_id"), _KEYS),
    "follows.back": Query("follows", ("_id", "active", "user_id"), _KEYS),
    # What is derived from them.
    "followers.page": Query("followers", ("creator_id", "followed_at"), _CREATOR),
    "followers.page_on": Query("followers", ("$or", "creator_id", "followed_at"), _CREATOR),
    # A list in pieces, for who walks through all of it.
    "followers.cut": Query("followers", ("$or", "creator_id", "followed_at"), _CREATOR),
    "followers.cut_rest": Query("followers", ("$or", "creator_id", "followed_at"), _CREATOR),
    "followers.between": Query("followers", ("$and", "creator_id", "followed_at"), _CREATOR),
    "followers.named": Query("followers", ("creator_id", "name"), _CREATOR),
    "followers.named_on": Query("followers", ("$or", "creator_id", "name"), _CREATOR),
    "followers.tally": Query("followers", ("creator_id", "followed_at"), _CREATOR),
    "counts.get_many": Query("counts", ("_id",), _KEYS),
    # The change-stream reader: derives.
    "followers.listed": Query("followers", ("_id", "creator_id"), _KEYS),
    "followers.remove": Query("followers", ("_id", "creator_id", "followed_at", "user_id"), _ONE),
    "followers.put": Query("followers", ("creator_id", "followed_at", "user_id"), _ONE),
    "followers.rename": Query("followers", ("_id", "creator_id", "followed_at", "user_id"), _ONE),
    "follows.of_person": Query("follows", ("active", "user_id"), _ONE),
    "follows.end": Query("follows", ("_id", "active", "user_id"), _ONE),
    "counts.step": Query("counts", ("_id",), _ONE),
    # Its long work: scans in the order of _id, in steps.
    "users.scan": Query("users", ("_id",), _EVERY),
    "users.scan_from": Query("users", (), _EVERY),
    "follows.scan": Query("follows", ("_id",), _EVERY),
    "follows.scan_from": Query("follows", (), _EVERY),
    "followers.scan": Query("followers", ("_id",), _EVERY),
    "followers.scan_from": Query("followers", (), _EVERY),
    "counts.scan": Query("counts", ("_id",), _EVERY),
    "counts.scan_from": Query("counts", (), _EVERY),
    "follows.states": Query("follows", ("_id", "user_id"), _KEYS),
    "follows.of_people": Query("follows", ("user_id",), _KEYS),
    "followers.sizes": Query("followers", ("creator_id",), _KEYS),
    "counts.set": Query("counts", ("_id",), _ONE),
    "counts.drop": Query("counts", ("_id",), _KEYS),
    # Whole graphs, loaded in bulk.
    "loading.people": Query("users", ("_id",), _KEYS),
    "loading.add_people": Query("users", ("_id",), _ONE),
    "loading.follows": Query("follows", ("_id", "user_id"), _KEYS),
    "loading.add_follows": Query("follows", ("user_id",), _ONE),
    "loading.checkpoint": Query("loads", ("_id",), _NONE),
    "loading.save": Query("loads", ("_id",), _NONE),
    "loading.reader": Query("leases", ("_id",), _NONE),
    # One document each for the whole mesh.
    "leases.acquire": Query("leases", ("_id",), _NONE),
    "leases.run_out": Query("leases", ("$expr", "_id", "holder"), _NONE),
    "leases.kept": Query("leases", ("_id",), _NONE),
    "leases.fence": Query("leases", ("_id", "epoch"), _NONE),
    "leases.release": Query("leases", ("_id", "epoch"), _NONE),
    "jobs.forget": Query("jobs", ("_id",), _NONE),
    "jobs.ask": Query("jobs", ("_id", "state"), _NONE),
    "jobs.get": Query("jobs", ("_id",), _NONE),
    "jobs.next": Query("jobs", ("state",), _NONE),
    "jobs.move_on": Query("jobs", ("_id",), _NONE),
}
