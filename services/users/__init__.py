"""Users: who people are, and their sessions.

Owns users, their e-mail addresses (unique without regard to case) and their sessions (refresh tokens that rotate).
Passwords are kept as argon2id hashes. The gateway issues access tokens; this context only says who may have one.
Store: MongoDB; users and sessions by hash(user_id), addresses by their normalised text as _id, which is unique everywhere.
Unit: users (RPC). Profiles and the follow graph belong here, too.
"""
