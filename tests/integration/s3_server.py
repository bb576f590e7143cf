"""A real server of the S3 protocol for tests: Versity's gateway over a folder (https://github.com/versity/versitygw).

Taken from the PATH, or built once by Go, pinned, into the cache of this machine. Where neither can be had, its tests are skipped.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from stack.ports import is_free, settle_ports
from stack.waiting import wait_until

MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livedrops" / "versitygw-1.8.0"
# 70 modules are fetched and compiled.
BUILD_DEADLINE_S = 900
ACCESS_KEY, SECRET_KEY, BUCKET, REGION = "tests", "not-a-secret", "media", "us-east-1"


@dataclass(frozen=True)
class S3Server:
    endpoint: str

    def environment(self) -> dict[str, str]:
        """What the media unit is told to keep its bytes there."""
        return {
            "LIVEDROPS_MEDIA_STORE": "s3",
            "LIVEDROPS_MEDIA_S3_ENDPOINT": self.endpoint,
            "LIVEDROPS_MEDIA_S3_BUCKET": BUCKET,
            "LIVEDROPS_MEDIA_S3_REGION": REGION,
            "LIVEDROPS_MEDIA_S3_ACCESS_KEY": ACCESS_KEY,
            "LIVEDROPS_MEDIA_S3_SECRET_KEY": SECRET_KEY,
        }


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """The server with an empty bucket, its data in this folder. Skips where it can't be had."""
    program = _program()
    port = settle_ports(("s3",), {}, is_free)["s3"]
    data = folder / "data"
    data.mkdir()
    environment = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY, "HOME": str(folder), "PATH": os.environ["PATH"]}
    command = [program, "--port", f"127.0.0.1:{port}", "--region", REGION, "posix", str(data)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            assert wait_until(lambda: _listens(port), 20), (folder / "log").read_text()
            server = S3Server(f"http://127.0.0.1:{port}")
            _make_bucket(server)
            yield server
        finally:
            process.terminate()


def _program() -> str:
    found = shutil.which("versitygw")
    if found:
        return found
    built = CACHE / "versitygw"
    if not built.exists():
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        if go is None:
            pytest.skip("no S3 server here: neither versitygw nor a Go that could build it")
        result = subprocess.run(
            [go, "install", MODULE], env={**os.environ, "GOBIN": str(CACHE)}, capture_output=True, timeout=BUILD_DEADLINE_S
        )
        if result.returncode != 0:
            pytest.skip(f"no S3 server here: {result.stderr.decode()[-300:]}")
    return str(built)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _make_bucket(server: S3Server) -> None:
    client = boto3.client(
        "s3", endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
