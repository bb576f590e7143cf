"""Named places in the code where a test may kill the process, to prove that dying there loses nothing.

LIVEDROPS_FAILPOINTS="orders.after_commit=/some/file" arms one: the process dies by SIGKILL at that place, once for each
byte in the file (each death takes one byte away), so that the process started again goes on.
Without the variable a failpoint costs one dictionary look-up.
"""

import os
import signal

KNOWN = (
    "orders.before_commit",
    "orders.after_commit",
    "rpc.before_reply",
    "orders.before_cache",
    "relay.before_publish",
    "relay.before_delete",
    "events.before_ack",
    "products.after_propose",
    "products.before_accept",
    "clock.before_publish",
    "clock.before_mark",
    "media.after_part",
    "media.after_tail",
    "media.after_complete",
    "media.before_ready",
    "capture.before_publish",
    "capture.before_commit",
    "capture.after_commit",
    "reindex.before_move_on",
    "analytics.before_commit",
    "analytics.after_commit",
    "notifications.before_commit",
    "notifications.after_commit",
    "push.after_plan",
    "push.after_chunks",
    "push.after_claim",
    "push.after_answer",
    "push.before_checkpoint",
)


def _armed() -> dict[str, str]:
    pairs = (item.partition("=") for item in os.environ.get("LIVEDROPS_FAILPOINTS", "").split(",") if item)
    return {name: path for name, _, path in pairs}


_ARMED = _armed()


def reach(name: str) -> None:
    """Die here if a test armed this place. KeyError for a name that is not listed above."""
    path = _ARMED.get(name)
    if path is not None:
        _die_if_charged(path)


def _die_if_charged(path: str) -> None:
    try:
        charges = os.path.getsize(path)
    except FileNotFoundError:
        return
    if charges:
        os.truncate(path, charges - 1)
        os.kill(os.getpid(), signal.SIGKILL)
