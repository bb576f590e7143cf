"""The `livedrops` command: what people do to LiveDrops from a terminal.

`main` finds the commands, `commands` has one module for each, and the modules beside them do the work.
"""
