"""Small file systems that Nomad, as root, mounts for the secrets of each task, and that nobody unmounts where an agent is gone."""

import subprocess
from pathlib import Path

_DEADLINE_S = 10


def below(folder: Path) -> list[Path]:
    """Those below a folder, deepest first."""
    rows = (line.split(" ")[1] for line in Path("/proc/mounts").read_text().splitlines())
    # https://man7.org/linux/man-pages/man5/fstab.5.html: a space in a name is written as \040.
    places = (Path(row.replace("\\040", " ")) for row in rows)
    return sorted((place for place in places if folder in place.parents), key=lambda place: -len(place.parts))


def release(folder: Path) -> None:
    """Unmount all below a folder, whose agent must be gone. What can't be unmounted stays."""
    for place in below(folder):
        subprocess.run(["umount", str(place)], capture_output=True, timeout=_DEADLINE_S, check=False)
