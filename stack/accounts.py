"""Users that servers run as: some refuse to be root."""

import os
import pwd
import subprocess
from pathlib import Path

from stack.errors import SetupError


def unprivileged_user() -> str | None:
    """Whom a server runs as that refuses to be root: None, for whoever we are, unless that is root. Raises SetupError."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise SetupError("Some servers refuse to run as root, and this system has neither a user postgres nor nobody. Run as an ordinary user.")


def can_enter(user: str | None, folder: Path) -> bool:
    """Whether a user can pass through all folders down to this one. Asked of the kernel, which knows of groups and lists too.

    user: None for whoever we are.
    """
    if user is None:
        return os.access(folder, os.X_OK)
    account = pwd.getpwnam(user)
    result = subprocess.run(["test", "-x", str(folder)], user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/", timeout=10)
    return result.returncode == 0
