"""One instance of the stack, a profile of a clone, and where it keeps what.

Everything lies in `.run/<profile>` of the clone, or in `$LIVEDROPS_STATE_DIR/<profile>`. Two things may have to lie elsewhere:
sockets, whose paths a kernel bounds, and data of a server that runs as a user who cannot enter the clone.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from stack.errors import SetupError

CLONE = Path(__file__).resolve().parent.parent
# The kernel allows 107 bytes for a socket's path; supervisord appends its pid to the name while it binds.
LONGEST_SOCKET_PATH = 90

# LIVEDROPS_ENV of every process, by profile.
PROFILES: Mapping[str, str] = {"dev": "development", "test": "test", "nomad": "development"}
# The last one is not supervised program by program: Nomad runs its units and servers (stack/nomad).
SUPERVISED = ("dev", "test")


@dataclass(frozen=True)
class Instance:
    """A profile with its folders. Makes no folder until `prepare`."""

    profile: str
    root: Path

    @classmethod
    def of(cls, profile: str, environ: Mapping[str, str]) -> "Instance":
        """Raises SetupError for a profile that does not exist."""
        if profile not in PROFILES:
            raise SetupError(f"There is no profile {profile!r}: choose one of {', '.join(PROFILES)}")
        return cls(profile, Path(environ.get("LIVEDROPS_STATE_DIR") or CLONE / ".run").resolve())

    @property
    def state(self) -> Path:
        return self.root / self.profile

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def programs(self) -> Path:
        """What each program is run with, secrets included; for nobody else's eyes."""
        return self.state / "programs"

    @property
    def marker(self) -> str:
        """An entry of every started process's environment, by which it is recognised as ours whatever it is called."""
        return f"LIVEDROPS_INSTANCE={self.state}"

    @property
    def digest(self) -> str:
        """Sets folders outside the clone apart from those of other clones."""
        return hashlib.sha1(str(self.root).encode(), usedforsecurity=False).hexdigest()[:16]

    @property
    def sockets(self) -> Path:
        """Where sockets lie: in the state folder if its path is short enough, else in a short one below /tmp."""
        inside = self.state / "supervisor.sock"
        return self.state if len(str(inside).encode()) <= LONGEST_SOCKET_PATH else Path(f"/tmp/livedrops-{self.digest}-{self.profile}")

    @property
    def outside_data(self) -> Path:
        """For a server's data when its user cannot enter the state folder."""
        return Path(f"/var/tmp/livedrops-{self.digest}") / self.profile

    def prepare(self) -> None:
        """Make the folders, closed to others except for passing through to a server's own data."""
        for folder in (self.root, self.state, self.data):
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        for folder in (self.logs, self.programs):
            folder.mkdir(mode=0o700, exist_ok=True)
        if self.sockets != self.state:
            own_folder(self.sockets, 0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone while starting or stopping: a second `up` or `down` waits for the first. Its holder bounds the wait."""
        self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        with open(self.root / f"{self.profile}.lock", "w") as file:
            flock(file, LOCK_EX)
            yield

    def forget(self) -> None:
        """Delete everything of this instance, data included. It must not be running."""
        for folder in {self.state, self.sockets, self.outside_data}:
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            # Stays where the other profile still has data in it.
            self.outside_data.parent.rmdir()


def own_folder(folder: Path, mode: int) -> None:
    """Make a folder in a place where anybody may write, or take over our own. Raises SetupError when it is somebody else's."""
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SetupError(f"{folder} belongs to somebody else. Remove it, or set LIVEDROPS_STATE_DIR to another place.") from None
    folder.chmod(mode)


def write_private(file: Path, text: str) -> None:
    """Replace a file's text at once and readable by its owner only, so that no reader sees half of it."""
    draft = file.with_name(f"{file.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    draft.replace(file)
