"""What the media unit makes of what was uploaded: its type by its bytes, its limits, its thumbnails; and what it refuses."""

import io
import struct
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import requests
from PIL import Image

from services.contracts.users import Role
from tests.conftest import Person, eventually
from tests.integration.uploading import MP4_HEAD, Uploader, image, saved, sha256, video

FILES = (
    "query($id:ID!){product(id:$id){media files{id filename contentType size sha256 url width height thumbnails{name width height url}}}}"
)
HALVES = Image.new("RGB", (400, 200), (200, 30, 30))
HALVES.paste((30, 30, 200), (200, 0, 400, 200))
# Its left half is red where it is stored; as EXIF says it is to be turned by 90 degrees, so its upper half is red where it is shown.
ORIENTATION, TURNED = 0x0112, 6
GPS = 0x8825


@pytest.fixture
def uploader(address: str, person: Callable[..., Person]) -> Uploader:
    made = Uploader(address, person(Role.CREATOR))
    eventually(made.is_served)
    return made


def thumbnail(uploader: Uploader, media_id: str, name: str) -> Image.Image:
    answer = requests.get(f"{uploader.address}/media/{media_id}/{name}", timeout=15)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp"), ("AVIF", "image/avif")],
)
def test_images_are_known_by_their_bytes_whatever_they_are_called(kind: str, content_type: str, uploader: Uploader) -> None:
    data = image(1500, 1000, kind)

    media_id = uploader.upload(data, "application/octet-stream", "no picture.txt")

    answer = uploader.download(media_id)
    assert (answer.headers["Content-Type"], answer.content) == (content_type, data)
    sizes = [thumbnail(uploader, media_id, f"{width}.webp").size for width in (160, 480, 1280)]
    assert [(width, round(height / width, 2)) for width, height in sizes] == [(160, 0.67), (480, 0.67), (1280, 0.67)]


def test_a_webm_and_an_mp4_are_videos_without_thumbnails(uploader: Uploader) -> None:
    webm = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm" + bytes(5000)

    for data, content_type in ((webm, "video/webm"), (video(5000), "video/mp4")):
        media_id = uploader.upload(data, "application/octet-stream")
        assert uploader.download(media_id).headers["Content-Type"] == content_type
        assert requests.get(f"{uploader.address}/media/{media_id}/160.webp", timeout=10).status_code == 404


def test_a_small_image_is_not_blown_up(uploader: Uploader) -> None:
    media_id = uploader.upload(image(100, 50), "image/png")

    assert thumbnail(uploader, media_id, "160.webp").size == (100, 50)
    assert requests.get(f"{uploader.address}/media/{media_id}/480.webp", timeout=10).status_code == 404


def test_thumbnails_are_turned_as_exif_says_and_tell_nothing_of_the_camera(uploader: Uploader) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED
    exif.get_ifd(GPS)[1] = "N"
    media_id = uploader.upload(saved(HALVES, "JPEG", exif=exif, quality=95), "image/jpeg")

    made = thumbnail(uploader, media_id, "160.webp")

    assert made.size == (160, 320)
    top, bottom = (made.convert("RGB").getpixel((80, y)) for y in (40, 280))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > top[2]
    assert bottom[2] > bottom[0]
    assert not made.getexif()
    assert not {"exif", "xmp", "icc_profile"} & {*made.info}


def test_transparency_outlives_a_thumbnail(uploader: Uploader) -> None:
    made = Image.new("RGBA", (400, 400), (10, 200, 10, 0))
    media_id = uploader.upload(saved(made, "PNG"), "image/png")

    assert thumbnail(uploader, media_id, "160.webp").convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_of_an_animation_the_first_frame_is_shown(uploader: Uploader) -> None:
    frames = [Image.new("RGB", (200, 100), colour) for colour in ((250, 0, 0), (0, 0, 250))]
    media_id = uploader.upload(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), "image/gif")

    shown = thumbnail(uploader, media_id, "160.webp").convert("RGB").getpixel((80, 40))
    assert isinstance(shown, tuple)
    assert shown[0] > 200


def png_of(width: int, height: int) -> bytes:
    """A PNG that is tiny as a file and says that it is huge as a picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    line = zlib.compressobj(9)
    rows = b"".join(line.compress(bytes(1 + width // 8 + 1)) for _ in range(height)) + line.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def truncated(kind: str) -> bytes:
    data = image(800, 600, kind)
    return data[: len(data) // 2]


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a bomb of 30000 by 30000 pixels": (lambda: png_of(30_000, 30_000), "TOO_MANY_PIXELS"),
    "half a JPEG": (lambda: truncated("JPEG"), "BROKEN_IMAGE"),
    "half a PNG": (lambda: truncated("PNG"), "BROKEN_IMAGE"),
    "half a WebP": (lambda: truncated("WEBP"), "BROKEN_IMAGE"),
    "a PNG of noise": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(2000), "BROKEN_IMAGE"),
    "a GIF that is a script, too": (lambda: b"GIF89a/*" + b"\x00" * 10 + b"*/=1;alert(document.domain);//" + b" " * 100, "BROKEN_IMAGE"),
    "a page": (lambda: b"<!doctype html><script>alert(1)</script>" + b" " * 100, "TYPE_NOT_ALLOWED"),
    "a page that looks long": (lambda: b"<html>" + b" " * 100_000, "TYPE_NOT_ALLOWED"),
    "an SVG": (lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "TYPE_NOT_ALLOWED"),
    "a PDF": (lambda: b"%PDF-1.7\n" + bytes(2000), "TYPE_NOT_ALLOWED"),
    "a program": (lambda: b"\x7fELF" + bytes(2000), "TYPE_NOT_ALLOWED"),
    "a zip": (lambda: b"PK\x03\x04" + bytes(2000), "TYPE_NOT_ALLOWED"),
    "a BMP": (lambda: saved(HALVES, "BMP"), "TYPE_NOT_ALLOWED"),
    "a byte": (lambda: b"x", "TYPE_NOT_ALLOWED"),
    "an image of 21 MiB": (lambda: image() + bytes(21 * 2**20), "TOO_LARGE"),
    "a thousand frames": (
        lambda: saved(
            Image.new("L", (8, 8)), "GIF", save_all=True, append_images=[Image.new("L", (8, 8), n % 2 * 255) for n in range(1, 1000)]
        ),
        "TOO_MANY_FRAMES",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_file_of_ours_is_rejected_and_gone(what: str, uploader: Uploader, products_sql: Callable[..., Any]) -> None:
    make, reason = REFUSED[what]
    data = make()
    url = uploader.begin(len(data), "application/octet-stream")

    answer = uploader.patch(url, 0, data)

    assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (422, "MEDIA_REJECTED", reason)
    media_id = url.rpartition("/")[2]
    assert uploader.download(media_id).status_code == 404
    assert uploader.head(url).status_code == 422
    assert products_sql("select state, purged from media where id = %s", media_id) == [("REJECTED", True)]


def test_a_bad_image_leaves_the_unit_well(uploader: Uploader) -> None:
    for _ in range(3):
        assert uploader.refusal(truncated("JPEG"))[0] == 422
    assert uploader.download(uploader.upload(image(), "image/png")).status_code == 200


def test_a_page_in_a_pictures_clothes_is_never_shown_as_a_page(uploader: Uploader) -> None:
    data = image() + b"<html><script>alert(1)</script>"

    answer = uploader.download(uploader.upload(data, "image/png", 'x".html'))

    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_an_announced_digest_is_held_to(uploader: Uploader) -> None:
    data = image()
    announce = "mutation($input:UploadInput!){upload(input:$input){mediaId uploadUrl expiresAt userErrors{code field}}}"
    wish = {"filename": "x.png", "contentType": "image/png", "size": len(data)}

    def announced(digest: str) -> Any:
        answer = uploader.who.graphql(announce, {"input": {**wish, "sha256": digest, "idempotencyKey": uuid.uuid4().hex}}).json()
        assert answer["data"]["upload"]["userErrors"] == [], answer
        return answer["data"]["upload"]

    right, wrong = announced(sha256(data)), announced("0" * 64)
    assert uploader.patch(right["uploadUrl"], 0, data).status_code == 204
    assert uploader.patch(wrong["uploadUrl"], 0, data).json()["reason"] == "SHA256_MISMATCH"
    assert uploader.download(right["mediaId"]).headers["ETag"] == f'"{sha256(data)}"'


class TestInTheShop:
    """Files over GraphQL, and in products."""

    ANNOUNCE = "mutation($input:UploadInput!){upload(input:$input){mediaId uploadUrl expiresAt userErrors{code field}}}"
    CREATE = "mutation($input:CreateProductInput!){createProduct(input:$input){product{id version media} userErrors{code field}}}"
    UPDATE = "mutation($input:UpdateProductInput!){updateProduct(input:$input){product{id version media} userErrors{code field}}}"

    def ask(self, who: Person, query: str, **variables: Any) -> Any:
        answer = who.graphql(query, variables).json()
        assert "errors" not in answer, answer
        (data,) = answer["data"].values()
        return data

    def create(self, who: Person, **fields: Any) -> Any:
        wish = {"idempotencyKey": uuid.uuid4().hex, "name": "A shirt", "price": {"amount": 1, "currency": "EUR"}, **fields}
        return self.ask(who, self.CREATE, input=wish)

    def test_a_product_shows_its_files(self, uploader: Uploader) -> None:
        data, clip = image(600, 300), video(2000)
        picture = uploader.upload(data, "image/png", "front ✓.png")
        film = uploader.upload(clip, "video/mp4")
        product = self.create(uploader.who, media=[film, picture])["product"]

        shown = self.ask(uploader.who, FILES, id=product["id"])

        assert shown["media"] == [film, picture]
        film_shown, picture_shown = shown["files"]
        assert (film_shown["contentType"], film_shown["width"], film_shown["thumbnails"]) == ("video/mp4", None, [])
        assert (picture_shown["filename"], picture_shown["size"], picture_shown["sha256"]) == ("front ✓.png", len(data), sha256(data))
        assert (picture_shown["width"], picture_shown["height"]) == (600, 300)
        assert [(one["name"], one["width"], one["height"]) for one in picture_shown["thumbnails"]] == [
            ("160.webp", 160, 80),
            ("480.webp", 480, 240),
        ]
        assert requests.get(picture_shown["url"], timeout=10).content == data
        assert requests.get(picture_shown["thumbnails"][0]["url"], timeout=10).status_code == 200

    def test_the_same_key_again_is_the_same_upload(self, uploader: Uploader) -> None:
        wish = {"idempotencyKey": "one", "filename": "x.mp4", "contentType": "video/mp4", "size": 100_000}
        first, again = (self.ask(uploader.who, self.ANNOUNCE, input=wish) for _ in range(2))
        other = self.ask(uploader.who, self.ANNOUNCE, input={**wish, "size": 5})

        assert (first["mediaId"], first["uploadUrl"]) == (again["mediaId"], again["uploadUrl"])
        assert other["userErrors"][0]["code"] == "CONFLICT"
        assert uploader.offset(first["uploadUrl"]) == 0

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"contentType": "text/html"}, ("TYPE_NOT_ALLOWED", "contentType")),
            ({"contentType": "x"}, ("INVALID_INPUT", "contentType")),
            ({"contentType": "image/png", "size": 30 * 2**20}, ("UPLOAD_TOO_LARGE", "size")),
            ({"size": 2**31}, ("INVALID_INPUT", "size")),
            ({"size": 0}, ("INVALID_INPUT", "size")),
            ({"size": 1.5}, ("INVALID_INPUT", "size")),
            ({"filename": "a/b"}, ("INVALID_INPUT", "filename")),
            ({"sha256": "x"}, ("INVALID_INPUT", "sha256")),
        ],
    )
    def test_a_wrong_announcement_names_its_field(self, fields: dict[str, Any], error: tuple[str, str], uploader: Uploader) -> None:
        wish = {"idempotencyKey": uuid.uuid4().hex, "filename": "x", "contentType": "video/mp4", "size": 5, **fields}
        (found,) = self.ask(uploader.who, self.ANNOUNCE, input=wish)["userErrors"]
        assert (found["code"], found["field"]) == error

    def test_a_fan_announces_nothing(self, person: Callable[..., Person]) -> None:
        wish = {"idempotencyKey": "k", "filename": "x", "contentType": "video/mp4", "size": 5}
        assert self.ask(person(Role.FAN), self.ANNOUNCE, input=wish)["userErrors"][0]["code"] == "FORBIDDEN"

    def test_a_product_shows_only_its_creators_ready_files(self, address: str, uploader: Uploader, person: Callable[..., Person]) -> None:
        mine = uploader.upload(video(2000))
        foreign = Uploader(address, person(Role.CREATOR)).upload(video(2000))
        unfinished = uploader.begin(2000).rpartition("/")[2]
        for media in ([foreign], [mine, unfinished], [str(uuid.uuid4())]):
            assert self.create(uploader.who, media=media)["userErrors"] == [{"code": "INVALID_INPUT", "field": "media"}]

        product = self.create(uploader.who, media=[mine])["product"]
        change = {"id": product["id"], "expectedVersion": 1}
        refused = self.ask(uploader.who, self.UPDATE, input={**change, "media": [mine, foreign]})
        assert refused["userErrors"] == [{"code": "INVALID_INPUT", "field": "media"}]
        assert self.ask(uploader.who, self.UPDATE, input={**change, "name": "A hat"})["product"]["media"] == [mine]

    def test_a_product_of_earlier_times_may_keep_what_nobody_knows(self, uploader: Uploader, products_sql: Callable[..., Any]) -> None:
        product, unknown = self.create(uploader.who)["product"], str(uuid.uuid4())
        products_sql("update products set media = %s::uuid[] where id = %s", [unknown], product["id"])

        changed = self.ask(
            uploader.who, self.UPDATE, input={"id": product["id"], "expectedVersion": 1, "media": [unknown], "name": "A hat"}
        )

        assert changed["product"]["media"] == [unknown]
        assert self.ask(uploader.who, FILES, id=product["id"])["files"] == []


def test_the_head_of_a_video_is_what_the_tests_take_it_for() -> None:
    assert video(100).startswith(MP4_HEAD)
    assert len(video(100)) == 100
