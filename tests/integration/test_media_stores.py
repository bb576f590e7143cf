"""Both object stores keep the same promises, against a real MongoDB and a real server of the S3 protocol."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import gridfs as driver
import pytest

from services.contracts.errors import Unavailable
from services.kernel.metrics import Metrics
from services.kernel.mongo import Mongo
from services.products.media import gridfs
from services.products.media.gridfs import GridFS
from services.products.media.objects import InvalidPart, NoSuchKey, NoSuchUpload, ObjectStore, delete_objects, read_all
from services.products.media.s3 import S3
from stack.api import Stack
from tests.integration import s3_server
from tests.integration.s3_server import S3Server

TYPE = "application/octet-stream"


@pytest.fixture(scope="module")
def mongo(stack: Stack, metrics: Metrics) -> Iterator[Mongo]:
    """A database of this module's own."""
    made = Mongo(stack.environment("media")["LIVEDROPS_MEDIA_MONGO_URL"], f"test_media_{uuid.uuid4().hex[:8]}", metrics)
    list(gridfs.bootstrap(made))
    yield made
    made.client.drop_database(made.database.name)
    made.close()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["gridfs", "s3"])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    if request.param == "gridfs":
        yield GridFS(request.getfixturevalue("mongo"))
        return
    server: S3Server = request.getfixturevalue("s3")
    made = S3(s3_server.BUCKET, s3_server.REGION, s3_server.ACCESS_KEY, s3_server.SECRET_KEY, server.endpoint)
    yield made
    made.close()


@pytest.fixture
def key() -> str:
    return f"{uuid.uuid4()}/original"


def whole(store: ObjectStore, key: str, *lengths: int) -> bytes:
    """Upload parts of these lengths, complete them, and return what they were."""
    parts = [os.urandom(length) for length in lengths]
    upload_id = store.create_multipart_upload(key, TYPE)
    tags = {number: store.upload_part(key, upload_id, number, part) for number, part in enumerate(parts, 1)}
    store.complete_multipart_upload(key, upload_id, tags)
    return b"".join(parts)


def test_parts_become_an_object(store: ObjectStore, key: str) -> None:
    data = whole(store, key, store.part_size, store.part_size, 12_345)

    assert store.head_object(key) == len(data)
    assert read_all(store, key) == data


def test_a_file_smaller_than_a_part_is_one_part(store: ObjectStore, key: str) -> None:
    assert whole(store, key, 5) == read_all(store, key)


def test_any_range_can_be_read(store: ObjectStore, key: str) -> None:
    data, size = whole(store, key, store.part_size, 1000), store.part_size

    for start, end in ((0, 1), (0, size), (size - 1, size + 1), (size, size + 1000), (500, None), (size + 999, None), (7, 7)):
        assert read_all(store, key, start, end) == data[start:end], (start, end)


def test_a_part_that_is_sent_again_takes_the_place_of_the_first(store: ObjectStore, key: str) -> None:
    upload_id = store.create_multipart_upload(key, TYPE)
    store.upload_part(key, upload_id, 1, b"first")
    tag = store.upload_part(key, upload_id, 1, b"second")

    assert store.list_parts(key, upload_id) == {1: tag}
    store.complete_multipart_upload(key, upload_id, {1: tag})
    assert read_all(store, key) == b"second"


def test_an_upload_can_be_gone_on_with_by_who_knows_its_id_only(store: ObjectStore, key: str) -> None:
    upload_id = store.create_multipart_upload(key, TYPE)
    first = os.urandom(store.part_size)
    store.upload_part(key, upload_id, 1, first)

    store.upload_part(key, upload_id, 2, b"rest")
    store.complete_multipart_upload(key, upload_id, store.list_parts(key, upload_id))

    assert read_all(store, key) == first + b"rest"


def test_parts_that_are_not_the_ones_that_were_written_make_no_object(store: ObjectStore, key: str) -> None:
    upload_id = store.create_multipart_upload(key, TYPE)
    mine = store.upload_part(key, upload_id, 1, b"mine")
    store.upload_part(key, upload_id, 1, b"somebody else's")

    with pytest.raises(InvalidPart):
        store.complete_multipart_upload(key, upload_id, {1: mine})
    with pytest.raises(InvalidPart):
        store.complete_multipart_upload(key, upload_id, {1: store.list_parts(key, upload_id)[1], 2: mine})
    with pytest.raises(NoSuchKey):
        store.head_object(key)


def test_a_completed_upload_takes_no_more_parts(store: ObjectStore, key: str) -> None:
    upload_id = store.create_multipart_upload(key, TYPE)
    tag = store.upload_part(key, upload_id, 1, b"all")
    store.complete_multipart_upload(key, upload_id, {1: tag})

    with pytest.raises(NoSuchUpload):
        store.upload_part(key, upload_id, 1, b"late")
    assert read_all(store, key) == b"all"


def test_an_aborted_upload_is_forgotten(store: ObjectStore, key: str) -> None:
    upload_id = store.create_multipart_upload(key, TYPE)
    store.upload_part(key, upload_id, 1, b"x" * 1000)

    store.abort_multipart_upload(key, upload_id)
    store.abort_multipart_upload(key, upload_id)

    with pytest.raises(NoSuchUpload):
        store.upload_part(key, upload_id, 2, b"late")
    with pytest.raises(NoSuchUpload):
        store.list_parts(key, upload_id)
    with pytest.raises(NoSuchKey):
        store.get_object(key)


def test_an_abort_that_comes_late_does_no_harm(store: ObjectStore, key: str) -> None:
    upload_id = store.create_multipart_upload(key, TYPE)
    store.complete_multipart_upload(key, upload_id, {1: store.upload_part(key, upload_id, 1, b"all")})

    store.abort_multipart_upload(key, upload_id)

    assert read_all(store, key) == b"all"


def test_a_small_object_takes_the_place_of_one_that_was_there(store: ObjectStore, key: str) -> None:
    store.put_object(key, b"first" * 1000, TYPE)
    store.put_object(key, b"second", TYPE)

    assert (store.head_object(key), read_all(store, key)) == (6, b"second")
    assert store.list_objects(key) == [key]


def test_objects_are_deleted_by_what_they_begin_with(store: ObjectStore) -> None:
    here, there = f"{uuid.uuid4()}/", f"{uuid.uuid4()}/"
    for name in (f"{here}original", f"{here}tail/7", f"{there}original"):
        store.put_object(name, b"x", TYPE)

    delete_objects(store, here)

    assert store.list_objects(here) == []
    assert store.list_objects(there) == [f"{there}original"]
    store.delete_object(f"{here}original")


def test_any_reader_of_gridfs_reads_a_finished_file(mongo: Mongo, key: str) -> None:
    store = GridFS(mongo)
    data = whole(store, key, store.part_size, store.part_size, 99)

    bucket = driver.GridFSBucket(mongo.client[mongo.database.name])
    with bucket.open_download_stream_by_name(key) as stream:
        assert stream.read() == data
        assert stream.length == len(data)


def test_nothing_is_left_in_gridfs_of_what_was_deleted_or_aborted(mongo: Mongo, key: str) -> None:
    store = GridFS(mongo)
    before = mongo.collection("fs.chunks").count_documents({})
    whole(store, key, store.part_size, 5)
    upload_id = store.create_multipart_upload(key, TYPE)
    for number in range(1, 4):
        store.upload_part(key, upload_id, number, bytes(store.part_size))

    store.delete_object(key)
    store.abort_multipart_upload(key, upload_id)

    assert mongo.collection("fs.chunks").count_documents({}) == before
    assert mongo.collection("fs.uploads").count_documents({"_id": upload_id}) == 0


def test_chunks_are_found_by_their_index_alone(mongo: Mongo, key: str) -> None:
    whole(GridFS(mongo), key, gridfs.CHUNK_BYTES, 5)
    file = mongo.collection("fs.files").find_one({"filename": key})
    assert file is not None
    plan = mongo.collection("fs.chunks").find({"files_id": file["_id"], "n": 1}).explain()["executionStats"]
    assert (plan["totalKeysExamined"], plan["totalDocsExamined"]) == (1, 1)


def test_the_bootstrap_may_be_repeated(mongo: Mongo) -> None:
    assert list(gridfs.bootstrap(mongo)) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda metrics: S3("media", "us-east-1", "a", "b", "http://127.0.0.1:9"),
        lambda metrics: GridFS(Mongo("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", "x", metrics)),
    ],
    ids=["s3", "gridfs"],
)
def test_a_store_that_is_away_is_unavailable(make: Callable[[Metrics], ObjectStore], metrics: Metrics) -> None:
    store = make(metrics)
    for ask in (store.check, lambda: store.head_object("x"), lambda: store.put_object("x", b"x", TYPE)):
        with pytest.raises(Unavailable):
            ask()
    store.close()


def test_a_wrong_key_is_no_missing_file(s3: S3Server, tmp_path: Path) -> None:
    store = S3(s3_server.BUCKET, s3_server.REGION, s3_server.ACCESS_KEY, "wrong", s3.endpoint)
    with pytest.raises(Unavailable):
        read_all(store, "x")
    store.close()
