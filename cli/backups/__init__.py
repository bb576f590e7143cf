"""Backups of what is kept nowhere else: PostgreSQL with its log from then on, and MongoDB as of one moment (docs/adr/0024-backups.md)."""
