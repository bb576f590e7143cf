"""Become one program of the stack: read how from a file, then replace this process by it.

supervisord runs every program through this, because its own configuration cannot carry an arbitrary environment, and because
secrets belong neither in a command line nor in a file that others read. Run with `python -I -S`: standard library only.
"""

import json
import os
import pwd
import resource
import sys
from pathlib import Path

# 5,000 buyers cost the ingress two descriptors each. More is not better: Erlang sizes its tables by this limit.
WANTED_OPEN_FILES = 65_536


def main(file: str) -> None:
    """file: JSON with command, environment, folder, user (a name, or null to stay who we are) and nice."""
    plan = json.loads(Path(file).read_text())
    raise_file_limit()
    os.nice(plan["nice"])
    if plan["user"]:
        become(plan["user"])
    os.chdir(plan["folder"])
    os.execve(plan["command"][0], plan["command"], plan["environment"])


def raise_file_limit() -> None:
    """As far as this user may; a lower limit only means fewer connections."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (WANTED_OPEN_FILES, WANTED_OPEN_FILES))
    except (OSError, ValueError):
        # Only root may go above the hard limit, and in some containers not even root.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def become(user: str) -> None:
    """Drop root for good, groups first."""
    account = pwd.getpwnam(user)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    main(sys.argv[1])
