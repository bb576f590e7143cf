"""Downloads: ranges, conditions, and what caches and browsers are told."""

import uuid
from collections.abc import Callable

import pytest
import requests

from services.contracts.users import Role
from tests.conftest import Person
from tests.integration.uploading import Uploader, image, sha256, video

SIZE = 3 * 2**20 + 17
DATA = video(SIZE)


@pytest.fixture(scope="module")
def film(address: str, person: Callable[..., Person]) -> str:
    """The address of a file of some chunks."""
    media_id = Uploader(address, person(Role.CREATOR)).upload(DATA, filename='a film "ü".mp4')
    return f"{address}/media/{media_id}"


def test_a_file_never_changes_and_says_so(film: str) -> None:
    answer = requests.get(film, timeout=15)

    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["ETag"] == f'"{sha256(DATA)}"'
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "inline; filename=\"a film ___.mp4\"; filename*=UTF-8''a%20film%20%22%C3%BC%22.mp4"


def test_head_tells_what_get_would(film: str) -> None:
    answer = requests.head(film, timeout=15)

    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, str(SIZE), b"")
    assert answer.headers["ETag"] == f'"{sha256(DATA)}"'


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        ("bytes=1048575-1048576", 1048575, 1048576),
        ("bytes=1000000-3000000", 1_000_000, 3_000_000),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        (f"bytes=5-{SIZE * 2}", 5, SIZE - 1),
        (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
    ],
)
def test_a_range_is_that_part_of_the_file(asked: str, first: int, last: int, film: str) -> None:
    answer = requests.get(film, headers={"Range": asked}, timeout=15)

    assert (answer.status_code, answer.headers["Content-Range"]) == (206, f"bytes {first}-{last}/{SIZE}")
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.content == DATA[first : last + 1]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE * 2}-{SIZE * 3}"])
def test_a_range_beyond_the_end_is_416(asked: str, film: str) -> None:
    answer = requests.get(film, headers={"Range": asked}, timeout=15)

    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=x", "bytes=9-5", "bytes=-0", "", "bytes=" + "0-1," * 500])
def test_a_range_that_is_not_served_is_ignored(asked: str, film: str) -> None:
    answer = requests.get(film, headers={"Range": asked}, timeout=15)

    assert (answer.status_code, answer.content) == (200, DATA)


def test_who_has_the_file_is_not_sent_it_again(film: str) -> None:
    tag = f'"{sha256(DATA)}"'
    for given in (tag, f'"other", {tag}', "*", f"W/{tag}"):
        answer = requests.get(film, headers={"If-None-Match": given}, timeout=15)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag), given
    assert requests.get(film, headers={"If-None-Match": tag, "Range": "bytes=0-9"}, timeout=15).status_code == 304
    assert requests.get(film, headers={"If-None-Match": '"other"'}, timeout=15).status_code == 200


def test_a_range_of_another_version_is_the_whole_file(film: str) -> None:
    right, wrong = (
        requests.get(film, headers={"Range": "bytes=0-9", "If-Range": tag}, timeout=15) for tag in (f'"{sha256(DATA)}"', '"other"')
    )

    assert (right.status_code, right.content) == (206, DATA[:10])
    assert (wrong.status_code, wrong.content) == (200, DATA)


def test_a_thumbnail_is_served_as_its_file_is(address: str, person: Callable[..., Person]) -> None:
    media_id = Uploader(address, person(Role.CREATOR)).upload(image(), "image/png")
    url = f"{address}/media/{media_id}/160.webp"
    whole = requests.get(url, timeout=15)

    part = requests.get(url, headers={"Range": "bytes=4-9"}, timeout=15)
    known = requests.get(url, headers={"If-None-Match": whole.headers["ETag"]}, timeout=15)

    assert (whole.status_code, whole.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert (part.status_code, part.content) == (206, whole.content[4:10])
    assert known.status_code == 304
    assert whole.headers["ETag"] != requests.head(f"{address}/media/{media_id}", timeout=15).headers["ETag"]


@pytest.mark.parametrize("path", [str(uuid.uuid4()), f"{uuid.uuid4()}/160.webp", "x", "%00", "..%2f..%2flivez", "", "a" * 5000])
def test_what_is_not_there_is_404(path: str, address: str) -> None:
    answer = requests.get(f"{address}/media/{path}", timeout=15)
    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND"


def test_an_unfinished_upload_is_not_served(address: str, person: Callable[..., Person]) -> None:
    uploader = Uploader(address, person(Role.CREATOR))
    url = uploader.begin(SIZE)
    uploader.patch(url, 0, DATA[: SIZE // 2])

    assert uploader.download(url.rpartition("/")[2]).status_code == 404


def test_a_page_of_another_origin_may_ask(film: str) -> None:
    answer = requests.options(film, headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}, timeout=15)

    assert answer.status_code in (200, 204)
    assert "Range" in answer.headers["Access-Control-Allow-Headers"]
    assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]


def test_a_reader_who_leaves_early_disturbs_nobody(film: str) -> None:
    for _ in range(5):
        with requests.get(film, stream=True, timeout=15) as answer:
            next(answer.iter_content(1000))
    assert requests.get(film, timeout=15).content == DATA
