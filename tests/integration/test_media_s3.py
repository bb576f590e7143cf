"""The media unit with its bytes in S3 instead of GridFS, against a real server of the protocol."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from services.contracts.users import Role
from stack.api import Stack
from tests.conftest import Person, eventually
from tests.integration import s3_server
from tests.integration.uploading import Uploader, image, media_id_of, sha256, video, wait_kept

MIB = 2**20


@pytest.fixture(scope="module")
def unit_on_s3(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with s3_server.running(tmp_path_factory.mktemp("s3")) as server:
        stack.set_environment("media", server.environment())
        stack.wait_ready("media")
        yield
    stack.clear_environment("media")
    stack.wait_ready("media")


@pytest.fixture
def uploader(unit_on_s3: None, address: str, person: Callable[..., Person]) -> Uploader:
    made = Uploader(address, person(Role.CREATOR))
    eventually(made.is_served)
    return made


def test_an_upload_that_was_cut_arrives_whole(stack: Stack, uploader: Uploader, products_sql: Callable[..., Any]) -> None:
    data = video(12 * MIB)
    url = uploader.begin(len(data))
    for until in (MIB, 5 * MIB + 3, 9 * MIB):
        offset = uploader.offset(url)
        line = uploader.open(f"{stack.address('media')}/media/uploads/{media_id_of(url)}", offset, len(data) - offset)
        line.send(data[offset:until])
        line.cut()
        wait_kept(products_sql, media_id_of(url), beyond=offset)
        assert uploader.offset(url) >= until - 65_536
    uploader.finish(url, data)

    answer = uploader.download(media_id_of(url))
    assert (sha256(answer.content), answer.headers["ETag"]) == (sha256(data), f'"{sha256(data)}"')
    part = uploader.download(media_id_of(url), Range="bytes=5242870-5242890")
    assert (part.status_code, part.content) == (206, data[5242870:5242891])


def test_an_image_has_its_thumbnails(uploader: Uploader) -> None:
    media_id = uploader.upload(image(500, 300), "image/png")

    answer = requests.get(f"{uploader.address}/media/{media_id}/480.webp", timeout=10)

    assert (answer.status_code, answer.content[8:12]) == (200, b"WEBP")


def test_what_is_rejected_is_gone(uploader: Uploader) -> None:
    assert uploader.refusal(b"<html>" + b" " * 7 * MIB) == (422, "TYPE_NOT_ALLOWED")


def test_an_ended_upload_is_gone(uploader: Uploader) -> None:
    data = video(7 * MIB)
    url = uploader.begin(len(data))
    assert uploader.patch(url, 0, data[: 6 * MIB]).status_code == 204

    assert uploader.end(url).status_code == 204

    assert uploader.head(url).status_code == 410
