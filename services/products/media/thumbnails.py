"""Reading images, which may be made to break their readers: in a process of its own, with hard limits, that knows no secret.

`Studio` runs it; `python -m services.products.media.thumbnails TYPE IMAGE FOLDER` is it. It writes thumbnails into the folder and a Developed as
JSON to its output, or exits with code 3 and a reason. Whatever else happens to it, the image is broken.
"""

import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from services.products.media.rules import THUMBNAIL_WIDTHS, Picture, Reason

if TYPE_CHECKING:
    from PIL.Image import Image

# Images that are read at once: each may take a core and what MEMORY_BYTES says.
AT_ONCE = 2
# Twice what the largest image takes (64 million pixels of four bytes), and the libraries.
MEMORY_BYTES = 1_500_000_000
CPU_S = 20
WALL_S = 40.0
LOOK_EVERY_S = 1.0
# What cameras of telephones make today, with room. Pillow's own limit is 89 million.
LARGEST_PIXELS = 64_000_000
# Some twenty seconds of animation. The first one is what thumbnails show.
MOST_FRAMES = 500
THUMBNAIL_TYPE = "image/webp"
QUALITY = 80
REFUSED = 3
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP", "image/avif": "AVIF"}
# EXIF orientations that lay an image on its side.
_SIDEWAYS = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112


class ImageRefused(Exception):
    """said: by whatever read it, for the log."""

    def __init__(self, reason: Reason, said: str) -> None:
        self.reason = reason
        self.said = said
        super().__init__(reason)


class Shot(msgspec.Struct, frozen=True):
    """What the process tells. width, height: of the image as it is shown."""

    width: int
    height: int
    pictures: list[Picture]


class Developed(NamedTuple):
    width: int
    height: int
    content_type: str
    pictures: list[tuple[Picture, bytes]]


class Studio:
    """Makes thumbnails, a few images at a time."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def develop(self, image: Iterator[bytes], content_type: str, keep: Callable[[], None]) -> Developed:
        """keep: called while it takes. Raises ImageRefused."""
        with tempfile.TemporaryDirectory(prefix="livedrops-media-") as name:
            folder = Path(name)
            with (folder / "image").open("wb") as file:
                for piece in image:
                    file.write(piece)
            while not self._places.acquire(timeout=LOOK_EVERY_S):
                keep()
            try:
                shot = _run(folder, content_type, keep)
            finally:
                self._places.release()
            return Developed(shot.width, shot.height, THUMBNAIL_TYPE, [(one, (folder / one.name).read_bytes()) for one in shot.pictures])


def _run(folder: Path, content_type: str, keep: Callable[[], None]) -> Shot:
    command = [sys.executable, "-m", __name__, content_type, str(folder / "image"), str(folder)]
    process = subprocess.Popen(command, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + WALL_S
    with process:
        while True:
            try:
                output, said = process.communicate(timeout=LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                keep()
                if time.monotonic() > deadline:
                    process.kill()
    if process.returncode == REFUSED:
        raise ImageRefused(Reason(output.decode()), said.decode(errors="replace")[-500:])
    if process.returncode != 0:
        raise ImageRefused(Reason.BROKEN_IMAGE, f"ended with {process.returncode}: {said.decode(errors='replace')[-500:]}")
    return msgspec.json.decode(output, type=Shot)


def main(content_type: str, image: str, folder: str) -> int:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 2**26),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    try:
        shot = develop(Path(image), content_type, Path(folder))
    except ImageRefused as refused:
        sys.stdout.write(refused.reason.value)
        sys.stderr.write(refused.said)
        return REFUSED
    sys.stdout.write(msgspec.json.encode(shot).decode())
    return 0


def develop(path: Path, content_type: str, folder: Path) -> Shot:
    """Write the thumbnails of an image into a folder. Raises ImageRefused."""
    # Imported here: the process that runs this one never reads an image.
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # ours is checked below, before a pixel is read
    try:
        with Image.open(path, formats=[_FORMATS[content_type]]) as image:
            size = _checked_size(image)
            return Shot(*size, pictures=_write_all(image, size[0], folder))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:  # what Pillow raises for bad images
        raise ImageRefused(Reason.BROKEN_IMAGE, f"{type(error).__name__}: {error}") from error


def _checked_size(image: "Image") -> tuple[int, int]:
    """Width and height as the image is shown. Raises ImageRefused."""
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise ImageRefused(Reason.TOO_MANY_PIXELS, f"{width} by {height}")
    frames = getattr(image, "n_frames", 1)
    if frames > MOST_FRAMES:
        raise ImageRefused(Reason.TOO_MANY_FRAMES, f"{frames} frames")
    return (height, width) if image.getexif().get(_ORIENTATION) in _SIDEWAYS else (width, height)


def _write_all(image: "Image", width: int, folder: Path) -> list[Picture]:
    """The widest first, and each next one from the one before. None is wider than the image, whose own size is the smallest at least."""
    from PIL import ImageOps

    # JPEG can be read at a fraction of its size: a quarter of the memory, and all of its bytes are read all the same.
    image.draft("RGB", (2 * THUMBNAIL_WIDTHS[-1], 2 * THUMBNAIL_WIDTHS[-1]))
    image.load()
    shown = _in_srgb(ImageOps.exif_transpose(image))
    made = []
    for wanted in sorted((w for w in THUMBNAIL_WIDTHS if w <= width or w == THUMBNAIL_WIDTHS[0]), reverse=True):
        shown.thumbnail((wanted, 100 * wanted))
        shown.info = {}
        picture = Picture(f"{wanted}.webp", *shown.size)
        shown.save(folder / picture.name, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=b"")
        made.append(picture)
    return made[::-1]


def _in_srgb(image: "Image") -> "Image":
    """As browsers take colours without a profile: the profile itself is metadata, and goes."""
    from io import BytesIO

    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if profile and image.mode in ("RGB", "RGBA", "CMYK"):
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=mode
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a profile that makes no sense is as good as none
    return image.convert(mode)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
