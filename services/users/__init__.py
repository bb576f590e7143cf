"""Users: who people are, their sessions, and who follows whom.

Owns people with their e-mail addresses (unique without regard to case) and sessions (refresh tokens that rotate), the follows, and what is
derived from them: lists of followers and counts. Passwords are kept as argon2id hashes. The gateway issues access tokens; this context only
says who may have one.
Store: MongoDB; all by hash(user_id) but addresses, by their normalised text, and lists, by hash(creator_id) and time.
Units: users (RPC), users-capture (the change-stream reader, the only one that derives and publishes).
"""
