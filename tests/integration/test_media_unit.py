"""The media unit as a whole: what it tidies up, what it needs to know, how much memory it takes, and that S3 may take the place of GridFS."""

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pymongo
import pytest
import requests

from services.kernel.metrics import Metrics
from services.kernel.process import Process
from services.products.media.app import assemble
from services.products.media.records import Due
from services.products.media.settings import MediaSettings
from stack import processes
from stack.api import Stack
from stack.ingress import UPLOADS_PER_MEDIA
from stack.instance import CLONE
from tests.conftest import Person, eventually
from tests.integration.uploading import MP4_HEAD, Uploader, image, media_id_of, sha256, video

MIB = 2**20


@pytest.fixture(scope="module")
def chunks(stack: Stack) -> Iterator[Callable[[str], int]]:
    """How many chunks there are of an upload, by the id that the store knows it by."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(stack.environment("media")["LIVEDROPS_MEDIA_MONGO_URL"])
    yield lambda upload_id: client["media"]["fs.chunks"].count_documents({"files_id": upload_id})
    client.close()


@pytest.fixture
def hasty_cleaner(stack: Stack) -> Iterator[None]:
    yield from _with(stack, {"LIVEDROPS_MEDIA_CLEAN_EVERY_S": "0.2"})


def _with(stack: Stack, environment: dict[str, str]) -> Iterator[None]:
    """The unit under another environment."""
    stack.set_environment("media", environment)
    stack.wait_ready("media")
    yield
    stack.clear_environment("media")
    stack.wait_ready("media")


def test_an_upload_that_nobody_goes_on_with_is_forgotten(
    hasty_cleaner: None, uploader: Uploader, products_sql: Callable[..., Any], chunks: Callable[[str], int]
) -> None:
    eventually(uploader.is_served)
    left, kept = uploader.begin(5 * MIB), uploader.begin(5 * MIB)
    data = video(5 * MIB)
    for url in (left, kept):
        assert uploader.patch(url, 0, data[: 2 * MIB + 5]).status_code == 204
    ((store_id,),) = products_sql("select upload_id from media where id = %s", media_id_of(left))
    assert chunks(store_id) == 2
    products_sql("update media set expires_at = clock_timestamp() - interval '1 second' where id = %s", media_id_of(left))

    eventually(lambda: products_sql("select purged from media where id = %s", media_id_of(left)) == [(True,)])

    assert chunks(store_id) == 0
    assert (uploader.head(left).status_code, uploader.head(left).headers.get("Upload-Offset")) == (410, None)
    assert uploader.patch(kept, 2 * MIB + 5, data[2 * MIB + 5 :]).status_code == 204
    # A day later nobody remembers it.
    products_sql("update media set expires_at = clock_timestamp() - interval '1 second' where id = %s", media_id_of(left))
    eventually(lambda: uploader.head(left).status_code == 404)
    assert uploader.download(media_id_of(kept)).content == data


def test_two_cleaners_never_hurt_each_other_or_an_upload_that_goes_on(
    stack: Stack, uploader: Uploader, metrics: Metrics, products_sql: Callable[..., Any], chunks: Callable[[str], int]
) -> None:
    told = {name.removeprefix("LIVEDROPS_").lower(): value for name, value in stack.environment("media").items()}
    units = [assemble(Process(MediaSettings(**told), metrics)) for _ in range(2)]  # type: ignore[arg-type]
    urls = [uploader.begin(3 * MIB) for _ in range(6)]
    for url in urls:
        assert uploader.patch(url, 0, video(2 * MIB)).status_code == 204
    left, kept = urls[:5], urls[5]
    ids = [media_id_of(url) for url in left]
    stores = [row[0] for row in products_sql("select upload_id from media where id = any(%s::uuid[])", ids)]
    products_sql("update media set expires_at = clock_timestamp() - interval '1 second' where id = any(%s::uuid[])", ids)

    jobs = [(unit.cleaner, Due(media_id_of(url), "expire")) for url in urls for unit in units]
    with ThreadPoolExecutor(len(jobs)) as crowd:
        list(crowd.map(lambda job: job[0]._do(job[1]), jobs))

    assert products_sql("select distinct state, purged from media where id = any(%s::uuid[])", ids) == [("REJECTED", True)]
    assert [chunks(store) for store in stores] == [0] * 5
    assert uploader.offset(kept) == 2 * MIB
    for unit in units:
        unit.close()


def test_an_upload_that_ran_out_takes_nothing_more_even_before_it_is_tidied_up(
    uploader: Uploader, products_sql: Callable[..., Any]
) -> None:
    url = uploader.begin(1000)
    products_sql("update media set expires_at = clock_timestamp() - interval '1 second' where id = %s", media_id_of(url))

    assert uploader.patch(url, 0, b"x").json()["reason"] == "EXPIRED"


def test_a_whole_file_whose_judge_died_is_judged_by_the_cleaner(
    stack: Stack, uploader: Uploader, products_sql: Callable[..., Any], tmp_path: Any
) -> None:
    charge = tmp_path / "charge"
    charge.write_bytes(b"x")
    stack.set_environment("media", {"LIVEDROPS_FAILPOINTS": f"media.before_ready={charge}", "LIVEDROPS_MEDIA_CLEAN_EVERY_S": "0.5"})
    stack.wait_ready("media")
    eventually(uploader.is_served)
    data = image()
    url = uploader.begin(len(data), "image/png")
    with suppress(requests.RequestException):  # that it dies is the point
        uploader.patch(url, 0, data)

    eventually(lambda: products_sql("select state from media where id = %s", media_id_of(url)) == [("READY",)], 40)

    assert charge.read_bytes() == b""
    assert uploader.download(media_id_of(url)).content == data
    stack.clear_environment("media")
    stack.wait_ready("media")


def test_many_uploads_at_once_each_arrive_and_more_are_told_to_come_back(
    address: str, uploader: Uploader, person: Callable[..., Person]
) -> None:
    eventually(uploader.is_served)
    data = video(2 * MIB)
    lines = []
    for _ in range(UPLOADS_PER_MEDIA):
        url = uploader.begin(len(data))
        line = uploader.open(url, 0, len(data))
        line.send(data[:MIB])
        lines.append((url, line))

    refused = uploader.create(5)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json()["errors"][0]["extensions"]["code"] == "BUSY"
    assert uploader.download(str(uuid.uuid4())).status_code == 404  # reads have places of their own

    for _, line in lines:
        line.send(data[MIB:])
        assert line.status() == 204
        line.cut()
    assert [sha256(uploader.download(media_id_of(url)).content) for url, _ in lines] == [sha256(data)] * len(lines)


def test_memory_stays_the_same_however_large_a_file_is(stack: Stack, uploader: Uploader) -> None:
    eventually(uploader.is_served)
    pids = list(processes.tree(stack.pid("media")))
    warm = video(4 * MIB)
    uploader.download(uploader.upload(warm))
    before, size = _peak(pids), 64 * MIB
    block = os.urandom(MIB)

    def body() -> Iterator[bytes]:
        yield MP4_HEAD + block[len(MP4_HEAD) :]
        for _ in range(size // MIB - 1):
            yield block

    url = uploader.begin(size)
    assert uploader.patch(url, 0, body()).status_code == 204
    digest = hashlib.sha256()
    with requests.get(f"{uploader.address}/media/{media_id_of(url)}", stream=True, timeout=60) as answer:
        for piece in answer.iter_content(MIB):
            digest.update(piece)

    assert f'"{digest.hexdigest()}"' == answer.headers["ETag"]
    assert _peak(pids) - before < 24 * MIB


def _peak(pids: list[int]) -> int:
    """Bytes of memory that processes had at most, each of them, together."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as status:
            total += next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    return total


class TestSettings:
    """A unit that is told something wrong says so, and does not start."""

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"LIVEDROPS_MEDIA_STORE": "floppy"}, "LIVEDROPS_MEDIA_STORE='floppy'"),
            ({"LIVEDROPS_MEDIA_STORE": "s3"}, "needs LIVEDROPS_MEDIA_S3_BUCKET, LIVEDROPS_MEDIA_S3_ACCESS_KEY"),
            ({"LIVEDROPS_MEDIA_MONGO_URL": ""}, "LIVEDROPS_MEDIA_MONGO_URL"),
            ({"LIVEDROPS_JWT_PUBLIC_KEY": "short"}, "LIVEDROPS_JWT_PUBLIC_KEY"),
            ({"LIVEDROPS_MEDIA_BASE_URL": "cdn.example"}, "must start with http://"),
            ({"LIVEDROPS_MEDIA_UPLOAD_HOURS": "0"}, "LIVEDROPS_MEDIA_UPLOAD_HOURS='0'"),
        ],
    )
    def test_a_wrong_setting_is_named(self, changes: dict[str, str], said: str, stack: Stack) -> None:
        environment = {**os.environ, **stack.environment("media"), **changes}
        result = subprocess.run(
            [sys.executable, "-m", "services.products.media"], env=environment, cwd=CLONE, capture_output=True, text=True, timeout=30
        )
        assert (result.returncode, said in result.stderr) == (2, True), result.stderr

    def test_links_can_be_handed_to_another_address(self, stack: Stack) -> None:
        environment = stack.environment("media")
        assert environment["LIVEDROPS_MEDIA_BASE_URL"] == f"{stack.address('ingress')}/media"
        assert "LIVEDROPS_JWT_KEY" not in environment
        assert "LIVEDROPS_JWT_KEY" in stack.environment("gateway")


def test_health_is_told_on_the_units_own_port(stack: Stack) -> None:
    ready = requests.get(f"{stack.address('media')}/readyz", timeout=10)
    assert (ready.status_code, ready.json()["parts"]) == (200, {"postgres": "ok", "gridfs": "ok"})
    with ThreadPoolExecutor(8) as crowd:
        answers = crowd.map(lambda _: requests.get(f"{stack.address('media')}/livez", timeout=10).status_code, range(8))
        assert set(answers) == {200}
