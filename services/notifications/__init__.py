"""Notifications: what people are told, kept so that they can read it later, and what they want to be told.

Owns personal notes, broadcasts, what was read of them, preferences and reminders. Whom a person follows it asks of users, what a drop is of
products. A note or broadcast is written once an event, under a number that has no gaps; Redis is told after the commit, as a hint.
Store: MongoDB, by hash(user_id); broadcasts by hash(creator_id).
Units: notifications (RPC), notifications-events (what happened).
"""
