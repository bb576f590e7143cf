"""Bytes in S3, or in whatever speaks its protocol."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from services.contracts.errors import Unavailable
from services.products.media.objects import PIECE_BYTES, InvalidPart, NoSuchKey, NoSuchUpload

# The smallest that S3 takes for all parts but the last, so that an upload holds little memory.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
PART_BYTES = 5 * 2**20
LISTED = 1000
# A part of 5 MiB over a slow line; past it the store hangs.
READ_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 3
# Uploads and downloads of one process, with some room.
MOST_CONNECTIONS = 100
_OURS = {
    **dict.fromkeys(("NoSuchKey", "404"), NoSuchKey),
    "NoSuchUpload": NoSuchUpload,
    # The last of these: a part that is short is named as if others came behind it.
    **dict.fromkeys(("InvalidPart", "InvalidPartOrder", "EntityTooSmall"), InvalidPart),
}


class S3:
    """An ObjectStore: one bucket. endpoint: None for Amazon's own."""

    part_size = PART_BYTES

    def __init__(self, bucket: str, region: str, access_key: str, secret_key: str, endpoint: str | None) -> None:
        self._bucket = bucket
        self._client: Any = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                max_pool_connections=MOST_CONNECTIONS,
                retries={"mode": "standard", "total_max_attempts": 3},
                # Buckets as names of hosts need DNS for each; every server knows paths.
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )

    def put_object(self, key: str, data: bytes, content_type: str) -> None:
        with _errors():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    def head_object(self, key: str) -> int:
        with _errors():
            return int(self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"])

    def get_object(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end <= start:
            return iter(())
        with _errors():
            last = "" if end is None else end - 1
            answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={start}-{last}")
        return _pieces(answer["Body"])

    def delete_object(self, key: str) -> None:
        with _errors():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def list_objects(self, prefix: str) -> list[str]:
        with _errors():
            found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=LISTED)
        return [entry["Key"] for entry in found.get("Contents", ())]

    def create_multipart_upload(self, key: str, content_type: str) -> str:
        with _errors():
            return str(self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)["UploadId"])

    def upload_part(self, key: str, upload_id: str, number: int, data: bytes) -> str:
        with _errors():
            answer = self._client.upload_part(Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=data)
        return str(answer["ETag"])

    def list_parts(self, key: str, upload_id: str) -> dict[int, str]:
        with _errors():
            pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
            return {part["PartNumber"]: part["ETag"] for page in pages for part in page.get("Parts", ())}

    def complete_multipart_upload(self, key: str, upload_id: str, parts: Mapping[int, str]) -> None:
        named = [{"PartNumber": number, "ETag": tag} for number, tag in sorted(parts.items())]
        with _errors():
            self._client.complete_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": named})

    def abort_multipart_upload(self, key: str, upload_id: str) -> None:
        try:
            with _errors():
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
        except NoSuchUpload:
            return

    def check(self) -> None:
        with _errors():
            self._client.head_bucket(Bucket=self._bucket)

    def close(self) -> None:
        self._client.close()


def _pieces(body: Any) -> Iterator[bytes]:
    try:
        with _errors():
            yield from body.iter_chunks(PIECE_BYTES)
    finally:
        body.close()  # or the connection of a reader who left would be used again with what he has not read


@contextmanager
def _errors() -> Iterator[None]:
    """What S3 says, as errors of ours."""
    try:
        yield
    except ClientError as error:
        kind = _OURS.get(error.response.get("Error", {}).get("Code", ""))
        if kind is not None:
            raise kind(str(error)) from error
        raise Unavailable("The object store refuses right now.") from error
    except (BotoCoreError, HTTPClientError) as error:
        raise Unavailable("The object store can't be reached right now.") from error
