"""The rules of media: what is taken in, and what is told of an upload."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.contracts.errors import MediaRejected, TypeNotAllowed, UploadGone, UploadTooLarge
from services.contracts.media import MediaState
from services.products.media import rules, thumbnails
from services.products.media.rules import LARGEST, MIB, Reason, Record
from services.products.media.thumbnails import ImageRefused

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIGNATURES = {
    "image/png": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(20),
    "image/gif": b"GIF89a" + bytes(20),
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(20),
    "image/avif": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1" + bytes(20),
    "video/mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(20),
    "video/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm" + bytes(20),
}


def record(state: MediaState = MediaState.UPLOADING, stored: int = 0, reason: Reason | None = None, **changes: object) -> Record:
    values = {
        **{"id": "m", "creator_id": "c", "filename": "f", "declared_type": "video/mp4", "declared_sha256": None, "size": 10},
        **{"stored": stored, "state": state, "reason": reason, "epoch": 1, "writing": False, "part_size": 4, "upload_id": "u"},
        **{"content_type": None, "sha256": None, "width": None, "height": None, "thumbnails": ()},
        **{"expires_at": NOW + timedelta(hours=1), "created_at": NOW},
    }
    return Record(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", LARGEST)
def test_each_type_is_known_by_its_signature_and_bounded(kind: str) -> None:
    head = SIGNATURES[kind]
    assert rules.sniffed(head) == kind
    assert rules.verdict_on(head, LARGEST[kind]) is None
    assert rules.verdict_on(head, LARGEST[kind] + 1) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "head", [b"", b"x", b"<svg xmlns='http://www.w3.org/2000/svg'>", b"<!doctype html>", b"%PDF-1.7", b"MZ", b"PK\x03\x04"]
)
def test_anything_else_is_not_taken_in(head: bytes) -> None:
    assert rules.verdict_on(head, 100) is Reason.TYPE_NOT_ALLOWED


@given(st.binary(max_size=200))
def test_no_beginning_breaks_the_sniffer(head: bytes) -> None:
    assert rules.sniffed(head) in {None, *LARGEST}


def test_what_is_announced_is_bounded_by_its_kind() -> None:
    rules.check_announced("image/png", 20 * MIB)
    rules.check_announced("application/octet-stream", 1024 * MIB)
    with pytest.raises(UploadTooLarge):
        rules.check_announced("image/png", 20 * MIB + 1)
    with pytest.raises(UploadTooLarge):
        rules.check_announced("application/octet-stream", 1024 * MIB + 1)
    for kind in ("text/html", "image/svg+xml", "application/pdf"):
        with pytest.raises(TypeNotAllowed):
            rules.check_announced(kind, 1)


def test_an_upload_runs_out_unless_it_is_whole() -> None:
    later = NOW + timedelta(hours=2)
    rules.check_open(record(), NOW)
    rules.check_open(record(stored=10), later)
    rules.check_open(record(MediaState.READY, stored=10), later)
    with pytest.raises(UploadGone):
        rules.check_open(record(stored=9), later)


@pytest.mark.parametrize("reason", Reason)
def test_every_rejection_is_told_with_its_reason(reason: Reason) -> None:
    with pytest.raises((MediaRejected, UploadGone)) as refused:
        rules.check_open(record(MediaState.REJECTED, reason=reason), NOW)
    assert refused.value.data["reason"] == reason
    assert refused.value.message == rules.SENTENCES[reason]
    assert isinstance(refused.value, UploadGone) is (reason in ("EXPIRED", "TERMINATED"))


@given(st.text(max_size=60))
def test_no_name_of_a_file_ends_the_quotes_around_it(name: str) -> None:
    shown = rules.ascii_name(name)
    assert shown.isascii()
    assert shown.isprintable() or not shown
    assert not set(shown) & set('"\\/;\r\n')


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20, unique=True))
def test_tails_of_different_lengths_have_different_places(offsets: list[int]) -> None:
    keys = {record().tail_key(offset) for offset in offsets}
    assert len(keys) == len(offsets)
    assert all(key.startswith(record().prefix) for key in keys)


def picture(width: int, height: int, folder: Path, kind: str = "PNG", **options: object) -> Path:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (10, 200, 30)).save(buffer, kind, **options)
    path = folder / "image"
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ((2000, 1000), [(160, 80), (480, 240), (1280, 640)]),
        ((480, 480), [(160, 160), (480, 480)]),
        ((100, 100), [(100, 100)]),
        ((1, 1), [(1, 1)]),
        ((3000, 2), [(160, 1), (480, 1), (1280, 1)]),
        ((2, 3000), [(2, 3000)]),
    ],
)
def test_thumbnails_are_as_wide_as_they_may_be_and_no_wider_than_the_image(
    size: tuple[int, int], made: list[tuple[int, int]], tmp_path: Path
) -> None:
    shot = thumbnails.develop(picture(*size, tmp_path), "image/png", tmp_path)

    assert (shot.width, shot.height) == size
    assert [(one.width, one.height) for one in shot.pictures] == made
    for one in shot.pictures:
        with Image.open(tmp_path / one.name) as written:
            assert (written.format, written.size) == ("WEBP", (one.width, one.height))


def test_an_image_lying_on_its_side_is_told_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = picture(1000, 500, tmp_path, "JPEG", exif=exif)

    shot = thumbnails.develop(path, "image/jpeg", tmp_path)

    assert (shot.width, shot.height) == (500, 1000)
    assert [(one.width, one.height) for one in shot.pictures] == [(160, 320), (480, 960)]


def test_an_image_of_another_kind_than_it_looked_like_is_broken(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused) as refused:
        thumbnails.develop(picture(10, 10, tmp_path, "GIF"), "image/png", tmp_path)
    assert refused.value.reason is Reason.BROKEN_IMAGE
