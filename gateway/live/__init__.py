"""Live streams: what happens to a drop and in a person's inbox, told over server-sent events as it happens (docs/adr/0016)."""
