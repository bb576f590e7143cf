"""The folder of a server that refuses to run as root.

As root it gets an unprivileged user; that user may be unable to enter the clone, and then the folder lies below /var/tmp.
"""

import shutil
from functools import cached_property
from pathlib import Path

from stack.accounts import can_enter, unprivileged_user
from stack.instance import own_folder
from stack.servers import Site


class Home:
    """Of one server of one instance. Asking makes nothing; `make` does."""

    def __init__(self, site: Site, server: str) -> None:
        self._site = site
        self._server = server

    @cached_property
    def user(self) -> str | None:
        """Whom the server runs as; None for whoever we are."""
        return unprivileged_user()

    @cached_property
    def folder(self) -> Path:
        """In the state folder where the server's user can get there."""
        inside = self._site.instance.data
        reachable = self.user is None or can_enter(self.user, inside)
        return (inside if reachable else self._site.instance.outside_data) / self._server

    def make(self) -> None:
        """Raises SetupError where the place is somebody else's."""
        outside = self._site.instance.outside_data
        if outside in self.folder.parents:
            own_folder(outside.parent, 0o711)
            own_folder(outside, 0o711)
            self._discard_foreign_data(outside)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.give(self.folder)

    def give(self, path: Path) -> None:
        """Make the server's user the owner of a file or folder."""
        if self.user:
            shutil.chown(path, self.user)

    def _discard_foreign_data(self, outside: Path) -> None:
        """Data outside the clone outlives it; the passwords of a deleted clone's data are gone with it."""
        owner = outside / "instance"
        if owner.exists() and owner.read_text() == self._site.credentials.instance:
            return
        for folder in (path for path in outside.iterdir() if path.is_dir()):
            # All servers' at once: the mark that is written next speaks for all of them.
            shutil.rmtree(folder, ignore_errors=True)
        owner.write_text(self._site.credentials.instance)
