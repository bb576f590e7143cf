"""Telling those who are away: over webhooks, by mail and by web push, where they asked for it.

A broadcast becomes a fan-out: its people, cut into chunks of their lists, on a work queue. What one person is told goes the same way without
a chunk. Each delivery is claimed before it is sent and marked afterwards, under an id that depends on the event and the endpoint alone.
Unit: notifications-push, of which several may run.
"""
