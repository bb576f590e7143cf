"""SIGHUP lets a process take up new settings, in its own place. No server is needed: a worker outlives its stores."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import eventually

SETTINGS = """
broker_url = "amqp://nobody:x@127.0.0.1:1/x"
redis_url = "redis://127.0.0.1:1/0"
orders_postgres_url = "postgresql://nobody:x@127.0.0.1:1/x"
cursor_key = "0123456789abcdef"
"""


class Worker:
    """The reconciler, with settings in a file."""

    def __init__(self, folder: Path) -> None:
        self._file, self._output = folder / "settings.toml", folder / "output"
        self.write("INFO")
        with self._output.open("wb") as output:
            command = [sys.executable, "-m", "services.orders.reconciler"]
            self.process = subprocess.Popen(
                command, env=os.environ | {"LIVEDROPS_CONFIG": str(self._file)}, stdout=output, stderr=subprocess.STDOUT
            )

    def write(self, log_level: str) -> None:
        self._file.write_text(f'{SETTINGS}log_level = "{log_level}"\n')

    def said(self, words: str) -> int:
        """How often."""
        return self._output.read_text().count(words)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    here = Worker(tmp_path)
    eventually(lambda: here.said('"started"') == 1, timeout_s=30)
    yield here
    here.process.kill()
    here.process.wait()


def test_new_settings_are_taken_up_in_the_same_place(worker: Worker) -> None:
    worker.write("DEBUG")
    worker.process.send_signal(signal.SIGHUP)

    eventually(lambda: worker.said('"stopped"') == 1 and worker.said('"started"') == 2, timeout_s=30)
    assert worker.process.poll() is None


def test_settings_that_make_no_sense_change_nothing_and_are_told(worker: Worker) -> None:
    worker.write("LOUD")
    worker.process.send_signal(signal.SIGHUP)

    eventually(lambda: worker.said("settings stay as they are: LIVEDROPS_LOG_LEVEL='LOUD'") == 1)
    failed = worker.said("a round failed")
    eventually(lambda: worker.said("a round failed") > failed, timeout_s=30)
    assert worker.process.poll() is None
    assert worker.said('"stopped"') == 0


def test_who_is_to_end_while_it_becomes_itself_again_ends(worker: Worker) -> None:
    worker.process.send_signal(signal.SIGHUP)
    worker.process.send_signal(signal.SIGTERM)

    eventually(lambda: worker.process.poll() is not None, timeout_s=30)
