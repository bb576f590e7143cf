"""Uploads over tus 1.0 against the running media unit, through the ingress."""

import base64
import hashlib
import io
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from tusclient.client import TusClient

from services.contracts.users import Role
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.integration.uploading import BYTES, TUS, Uploader, image, media_id_of, metadata, sha256, video, wait_kept

MIB = 2**20


@pytest.fixture
def failing(stack: Stack, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Lets the media unit die once at a failpoint."""

    def arm(name: str) -> None:
        charge = tmp_path / "charge"
        charge.write_bytes(b"x")
        stack.set_environment("media", {"LIVEDROPS_FAILPOINTS": f"{name}={charge}"})
        stack.wait_ready("media")

    yield arm
    stack.clear_environment("media")
    stack.wait_ready("media")


def test_options_tells_what_this_server_can_do(address: str) -> None:
    answer = requests.options(f"{address}/media/uploads", timeout=10)

    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {"creation", "creation-with-upload", "expiration", "termination", "checksum"}
    assert int(answer.headers["Tus-Max-Size"]) == 1024 * MIB
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]


def test_a_public_client_uploads_in_chunks(uploader: Uploader) -> None:
    data = video(5 * MIB + 123)
    client = TusClient(f"{uploader.address}/media/uploads", headers={"Authorization": f"Bearer {uploader.who.token}"})

    upload = client.uploader(file_stream=io.BytesIO(data), chunk_size=700_000, metadata={"filename": "a.mp4", "filetype": "video/mp4"})
    upload.upload()

    assert uploader.download(media_id_of(str(upload.url))).content == data


def test_a_public_client_goes_on_where_another_stopped(uploader: Uploader) -> None:
    data = video(3 * MIB)
    client = TusClient(f"{uploader.address}/media/uploads", headers={"Authorization": f"Bearer {uploader.who.token}"})
    first = client.uploader(file_stream=io.BytesIO(data), chunk_size=1_000_000, metadata={"filename": "a.mp4"})
    first.upload_chunk()  # type: ignore[no-untyped-call]

    second = client.uploader(url=first.url, file_stream=io.BytesIO(data), chunk_size=1_000_000)
    assert second.offset == 1_000_000
    second.upload()

    assert uploader.download(media_id_of(str(second.url))).content == data


def test_twenty_uploads_cut_at_random_points_arrive_as_they_were_sent(uploader: Uploader) -> None:
    chance = random.Random(20)
    for number in range(20):
        data = video(chance.randrange(200_000, 4 * MIB))
        url, cuts = uploader.begin(len(data)), 0
        while cuts < 3:
            offset = uploader.offset(url)
            until = chance.randrange(offset, len(data))
            line = uploader.open(url, offset, len(data) - offset)
            line.send(data[offset:until])
            line.cut(rudely=number % 2 == 1)
            cuts += 1
        uploader.finish(url, data)
        got = uploader.download(media_id_of(url))
        assert (len(got.content), sha256(got.content)) == (len(data), sha256(data)), number


def test_what_arrived_before_a_cut_is_kept(stack: Stack, uploader: Uploader, products_sql: Callable[..., Any]) -> None:
    data = video(3 * MIB)
    url = uploader.begin(len(data))
    # At the unit itself: what the ingress still held when its client left never arrives.
    line = uploader.open(f"{stack.address('media')}/media/uploads/{media_id_of(url)}", 0, len(data))
    line.send(data[:1_700_000])
    line.cut()

    # Read from where it was cut; less than what one read takes may be missing.
    wait_kept(products_sql, media_id_of(url), beyond=0)
    assert uploader.offset(url) >= 1_700_000 - 65_536


def test_a_small_file_grows_by_single_bytes(uploader: Uploader) -> None:
    data = image(20, 20)
    url = uploader.begin(len(data), "image/png")
    for offset in range(10):
        answer = uploader.patch(url, offset, data[offset : offset + 1])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(offset + 1))
    assert uploader.patch(url, 10, data[10:]).status_code == 204
    assert uploader.download(media_id_of(url)).content == data


@pytest.mark.parametrize("place", ["media.after_part", "media.after_tail", "media.after_complete", "media.before_ready"])
def test_an_upload_outlives_the_death_of_its_unit(place: str, uploader: Uploader, failing: Callable[[str], None]) -> None:
    data, image_data = video(3 * MIB + 5), image(400, 300)
    data = image_data if place == "media.before_ready" else data
    url = uploader.begin(len(data), "image/png" if data is image_data else "video/mp4")
    failing(place)
    half = len(data) // 2
    with suppress(requests.RequestException):
        uploader.patch(url, 0, data[:half])
        uploader.patch(url, half, data[half:])

    def goes_on() -> bool:
        with suppress(requests.RequestException):  # the unit is still coming back
            answer = uploader.head(url)
            offset = int(answer.headers.get("Upload-Offset", -1))
            if 0 <= offset < len(data):
                uploader.patch(url, offset, data[offset:])
            return uploader.download(media_id_of(url)).status_code == 200
        return False

    eventually(goes_on, 40)
    assert uploader.download(media_id_of(url)).content == data


def test_a_killed_unit_loses_nothing_that_it_has_acknowledged(stack: Stack, uploader: Uploader) -> None:
    data = video(6 * MIB)
    url = uploader.begin(len(data))
    assert uploader.patch(url, 0, data[:2_500_000]).status_code == 204
    line = uploader.open(url, 2_500_000, len(data) - 2_500_000)
    line.send(data[2_500_000:5_000_000])
    stack.kill("media")
    line.cut()
    stack.wait_ready("media")
    eventually(uploader.is_served)

    offset = eventually(lambda: uploader.head(url).status_code == 200 and uploader.offset(url), 30)

    assert 2_500_000 <= offset <= 5_000_000
    assert uploader.patch(url, offset, data[offset:]).status_code == 204
    assert uploader.download(media_id_of(url)).content == data


def test_of_two_writers_the_later_one_goes_on_and_the_earlier_one_is_told(uploader: Uploader) -> None:
    data = video(8 * MIB)
    url = uploader.begin(len(data))
    first = uploader.open(url, 0, len(data))
    first.send(data[: 3 * MIB])
    # The connection stays open: whoever has it may be gone for good, as far as anybody can tell.
    offset = eventually(lambda: uploader.offset(url))
    assert uploader.patch(url, offset, data[offset : offset + MIB + 7]).status_code == 204
    first.send(data[3 * MIB : 6 * MIB])
    assert first.status() == 423
    first.cut()
    offset = uploader.offset(url)

    assert uploader.patch(url, offset, data[offset:]).status_code == 204
    assert uploader.download(media_id_of(url)).content == data


@pytest.mark.parametrize("offset", [0, 99_999, 100_001, 200_000])
def test_a_wrong_offset_is_409_and_changes_nothing(offset: int, uploader: Uploader) -> None:
    data = video(200_000)
    url = uploader.begin(len(data))
    uploader.patch(url, 0, data[:100_000])

    answer = uploader.patch(url, offset, data[:50_000])

    assert (answer.status_code, answer.json()["code"], answer.json()["offset"]) == (409, "OFFSET_MISMATCH", 100_000)
    assert uploader.offset(url) == 100_000


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_bytes_with_a_wrong_checksum_are_460_and_not_kept(algorithm: str, uploader: Uploader) -> None:
    data = video(3 * MIB)
    url = uploader.begin(len(data))
    uploader.patch(url, 0, data[:300_000])
    right = base64.b64encode(hashlib.new(algorithm, data[300_000:2_000_000]).digest()).decode()
    damaged = data[300_000:1_999_999] + b"?"

    answer = uploader.patch(url, 300_000, damaged, **{"Upload-Checksum": f"{algorithm} {right}"})
    assert (answer.status_code, answer.json()["code"]) == (460, "CHECKSUM_MISMATCH")
    assert uploader.offset(url) == 300_000

    assert uploader.patch(url, 300_000, data[300_000:2_000_000], **{"Upload-Checksum": f"{algorithm} {right}"}).status_code == 204
    assert uploader.patch(url, 2_000_000, data[2_000_000:]).status_code == 204
    assert uploader.download(media_id_of(url)).content == data


def test_an_upload_may_begin_with_its_bytes(uploader: Uploader) -> None:
    data = image()
    told = {"Upload-Length": str(len(data)), "Upload-Metadata": metadata(filename="x.png"), "Content-Type": BYTES}

    answer = uploader.who.http.post(f"{uploader.address}/media/uploads", data=data, headers={**TUS, **told}, timeout=30)

    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(data)))
    assert uploader.download(media_id_of(answer.headers["Location"])).content == data


def test_a_body_without_an_announced_length_is_taken_in(uploader: Uploader) -> None:
    data = video(2 * MIB)
    url = uploader.begin(len(data))

    answer = uploader.patch(url, 0, (data[at : at + 50_000] for at in range(0, len(data), 50_000)))

    assert answer.status_code == 204
    assert uploader.download(media_id_of(url)).content == data


def test_more_than_was_announced_is_413(uploader: Uploader) -> None:
    data = video(100_000)
    url = uploader.begin(len(data))

    assert uploader.patch(url, 0, data + b"x").status_code == 413
    assert uploader.patch(url, 0, iter([data, b"more"])).status_code == 413


def test_an_unfinished_upload_tells_when_it_runs_out(uploader: Uploader) -> None:
    url = uploader.begin(1000)
    answer = uploader.head(url)
    assert answer.headers["Upload-Expires"].endswith("GMT")
    assert answer.headers["Upload-Length"] == "1000"
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_ended_upload_is_gone(uploader: Uploader) -> None:
    data = video(2 * MIB)
    url = uploader.begin(len(data))
    uploader.patch(url, 0, data[:MIB])

    assert uploader.end(url).status_code == 204

    assert uploader.head(url).status_code == 410
    assert uploader.patch(url, MIB, data[MIB:]).json()["code"] == "UPLOAD_GONE"
    assert uploader.download(media_id_of(url)).status_code == 404


def test_a_ready_file_is_no_upload_any_more(uploader: Uploader) -> None:
    data = image()
    media_id = uploader.upload(data, "image/png")

    assert uploader.end(f"{uploader.address}/media/uploads/{media_id}").status_code == 409
    assert uploader.download(media_id).content == data


def test_a_client_that_can_only_post_says_what_it_means(uploader: Uploader) -> None:
    data = image()
    url = uploader.begin(len(data), "image/png")
    told = {"X-HTTP-Method-Override": "PATCH", "Content-Type": BYTES, "Upload-Offset": "0"}

    answer = uploader.who.http.post(url, data=data, headers={**TUS, **told}, timeout=30)

    assert answer.status_code == 204
    assert uploader.download(media_id_of(url)).content == data


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1"])
def test_another_version_of_the_protocol_is_412(version: str | None, uploader: Uploader) -> None:
    headers = {"Upload-Length": "5", **({"Tus-Resumable": version} if version else {})}

    answer = uploader.who.http.post(f"{uploader.address}/media/uploads", headers=headers, timeout=10)

    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": "0"}, 400, "INVALID_INPUT"),
        ({"Upload-Length": "-1"}, 400, "INVALID_INPUT"),
        ({"Upload-Length": "x"}, 400, "INVALID_INPUT"),
        ({"Upload-Length": "9" * 400}, 400, "INVALID_INPUT"),
        ({"Upload-Length": str(2**30 + 1)}, 413, "UPLOAD_TOO_LARGE"),
        ({"Upload-Length": str(20 * MIB + 1), "Upload-Metadata": metadata(filetype="image/png")}, 413, "UPLOAD_TOO_LARGE"),
        ({"Upload-Metadata": metadata(filetype="text/html")}, 415, "TYPE_NOT_ALLOWED"),
        ({"Upload-Metadata": metadata(filetype="image/svg+xml")}, 415, "TYPE_NOT_ALLOWED"),
        ({"Upload-Metadata": metadata(filename="../../etc/passwd")}, 400, "INVALID_INPUT"),
        ({"Upload-Metadata": metadata(filename="x" * 300)}, 400, "INVALID_INPUT"),
        ({"Upload-Metadata": "filename ???"}, 400, "INVALID_INPUT"),
        ({"Upload-Metadata": "filename " + "A" * 5000}, 400, "INVALID_INPUT"),
        ({"Upload-Defer-Length": "1"}, 400, "INVALID_INPUT"),
    ],
)
def test_a_wrong_announcement_is_refused(headers: dict[str, str], status: int, code: str, uploader: Uploader) -> None:
    answer = uploader.who.http.post(f"{uploader.address}/media/uploads", headers={**TUS, "Upload-Length": "5", **headers}, timeout=10)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Upload-Offset": "x"}, 400),
        ({"Upload-Offset": ""}, 400),
        ({"Upload-Checksum": "crc32 AAAA"}, 400),
        ({"Upload-Checksum": "sha1 ???"}, 400),
    ],
)
def test_a_wrong_header_of_a_piece_is_refused(headers: dict[str, str], status: int, uploader: Uploader) -> None:
    url = uploader.begin(100)
    assert uploader.patch(url, 0, b"x" * 10, **headers).status_code == status
    assert uploader.offset(url) == 0


def test_uploads_are_for_creators_and_each_is_its_owners(address: str, uploader: Uploader, person: Callable[..., Person]) -> None:
    url = uploader.begin(100)
    fan, other, operator = (Uploader(address, person(role)) for role in (Role.FAN, Role.CREATOR, Role.OPERATOR))
    nobody = requests.post(f"{address}/media/uploads", headers={**TUS, "Upload-Length": "5"}, timeout=10)
    forged = requests.post(f"{address}/media/uploads", headers={**TUS, "Authorization": "Bearer a.b.c"}, timeout=10)

    assert (nobody.status_code, forged.status_code) == (401, 401)
    assert fan.create(100).status_code == 403
    assert [other.head(url).status_code, other.patch(url, 0, b"x").status_code, other.end(url).status_code] == [403] * 3
    assert operator.patch(url, 0, b"x" * 10).status_code == 204
    assert uploader.offset(url) == 10


@pytest.mark.parametrize("path", [str(uuid.uuid4()), "x", "%00", "a" * 3000, "../livez"])
def test_an_upload_that_there_is_not_is_404(path: str, uploader: Uploader) -> None:
    assert uploader.head(f"{uploader.address}/media/uploads/{path}").status_code == 404


def test_the_correlation_id_comes_back(uploader: Uploader) -> None:
    answer = uploader.create(5, **{"X-Request-Id": "upload-7"})
    assert answer.headers["X-Request-Id"] == "upload-7"


def test_what_the_row_says_is_kept_whatever_was_written_beside_it(uploader: Uploader, products_sql: Callable[..., Any]) -> None:
    data = video(MIB + 500_000)
    url = uploader.begin(len(data))
    uploader.patch(url, 0, data[:400_000])
    (stored,), *_ = products_sql("select stored from media where id = %s", media_id_of(url))
    assert stored == 400_000
    # A client that sends other bytes under a checksum that they have not: nothing of it counts, and the same place is filled again.
    uploader.patch(url, 400_000, b"?" * MIB, **{"Upload-Checksum": "sha1 AAAA"})
    assert uploader.patch(url, 400_000, data[400_000:]).status_code == 204
    assert uploader.download(media_id_of(url)).content == data


def test_who_begins_and_does_not_finish_is_told_to_finish(uploader: Uploader, products_sql: Callable[..., Any]) -> None:
    begun = uploader.begin(100)
    copies = """insert into media (id, creator_id, filename, declared_type, size, created_as, expires_at)
        select gen_random_uuid(), creator_id, filename, declared_type, size, created_as, expires_at
        from media, generate_series(1, 199) where id = %s"""
    products_sql(copies, media_id_of(begun))

    refused = uploader.create(100)
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "RATE_LIMITED", "60")

    assert uploader.end(begun).status_code == 204
    assert uploader.create(100).status_code == 201
