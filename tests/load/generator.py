"""Run `stampede`, the load generator in C beside this file, and read its report.

`run` waits for the report; `start` lets several generators run beside each other. The program is compiled
when first needed and kept under ${XDG_CACHE_HOME:-~/.cache}/livedrops, one file for each state of its source.

Errors:
    GeneratorError
    ├── CompilerMissing   no C compiler on this machine
    ├── CompileFailed     the compiler refused stampede.c
    ├── BadStampede       the generator refused its arguments
    ├── GeneratorFailed   it died without a report
    └── GeneratorLate     no report within the time given; it was killed
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import msgspec

SOURCE = Path(__file__).with_name("stampede.c")
COMPILE_FLAGS = ("-O2", "-std=c11")
COMPILE_TIMEOUT_S = 60.0
# What the generator itself may need beyond its hard stop: reading tokens, printing, a busy machine.
GRACE_S = 30.0
BAD_ARGUMENTS_EXIT = 2


class GeneratorError(Exception):
    """Why there is no report: a sentence for people, `code` for programs."""

    code: ClassVar[str] = "GENERATOR"


class CompilerMissing(GeneratorError):
    code = "COMPILER_MISSING"


class CompileFailed(GeneratorError):
    code = "COMPILE_FAILED"


class BadStampede(GeneratorError):
    code = "BAD_STAMPEDE"


class GeneratorFailed(GeneratorError):
    code = "GENERATOR_FAILED"


class GeneratorLate(GeneratorError):
    code = "GENERATOR_LATE"


class Rule(msgspec.Struct, frozen=True):
    """Answers of this status (None: any) whose body contains this text (None: any) are of this class."""

    class_name: str
    status: int | None = None
    contains: str | None = None


class StopWhen(msgspec.Struct, frozen=True):
    """Start nothing new once this many answers of the class were seen."""

    class_name: str
    count: int


class Stampede(msgspec.Struct, frozen=True, kw_only=True):
    """A crowd of buyers, one connection each, in a closed loop against a port of this machine.

    `request` is a raw HTTP/1.1 request whose {token}, {key}, {buyer} and {value} are filled in each time, in its head
    and its body; Content-Length is computed. Buyer i sends token i mod len(tokens); with rotate_tokens it is request i
    of the whole run that does. Request i takes value i mod len(values). The first rule that fits names the class of an answer, else it is `other`; `timeout`, `connection_failed` and `malformed` are
    counted too. After these, and after 503 and 429, the buyer tries again with the same key.

    With per_second the loop is open: requests are sent at this pace as long as a buyer is free, and latencies count from when each was due.

    The run ends after duration_s, or when `requests` in all or `per_buyer` of each are answered, or by
    stop_when; at the latest timeout_s after duration_s. Without run_id the generator makes a fresh one: a
    repeated run_id repeats the idempotency keys `<run_id>-<buyer>-<sequence>`.
    """

    port: int
    request: str
    host: str = "127.0.0.1"
    connections: int = 1
    duration_s: float = 60.0
    requests: int | None = None
    per_buyer: int | None = None
    stop_when: StopWhen | None = None
    rules: tuple[Rule, ...] = ()
    tokens: tuple[str, ...] = ()
    rotate_tokens: bool = False
    values: tuple[str, ...] = ()
    run_id: str | None = None
    ramp_ms: float = 0.0
    think_ms: float = 0.0
    per_second: float | None = None
    timeout_s: float = 10.0
    max_attempts: int | None = None
    honour_retry_after: bool = False
    seed: int = 1
    samples: Path | None = None
    progress: bool = False


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds; percentiles within 0.4 %. All zero when nothing was measured."""

    p50: float
    p95: float
    p99: float
    max: float
    mean: float


class ClassReport(msgspec.Struct, frozen=True):
    """One class of answers. per_second is over the whole run, per_second_active from its first to its last."""

    count: int
    per_second: float
    per_second_active: float
    first_s: float | None
    last_s: float | None
    latency_ms: Latency


class Requests(msgspec.Struct, frozen=True):
    """Started = answered + abandoned (after max_attempts) + unanswered (when the run ended)."""

    started: int
    answered: int
    abandoned: int
    unanswered: int


class Cpu(msgspec.Struct, frozen=True):
    """What the generator itself used of the machine; share_of_machine is total_s / (duration * cores)."""

    user_s: float
    system_s: float
    total_s: float
    cores: int
    share_of_machine: float
    us_per_attempt: float


class Report(msgspec.Struct, frozen=True):
    """What happened. ended_by: duration, requests, stop_when, signal or hard_stop (answers still missing)."""

    run_id: str
    ended_by: str
    duration_s: float
    connections: int
    connects: int
    reconnects: int
    connect_failures: int
    connect_ms: Latency
    requests: Requests
    attempts: int
    retries: int
    cpu: Cpu
    classes: dict[str, ClassReport]


class Running:
    """A generator at work. As a context manager it never outlives its block."""

    def __init__(self, process: subprocess.Popen[bytes], scratch: tempfile.TemporaryDirectory[str], patience_s: float) -> None:
        self._process = process
        self._scratch = scratch
        self._patience_s = patience_s
        self._report: Report | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def result(self, timeout_s: float | None = None) -> Report:
        """Wait for the report, by default a little longer than the run can last.

        Errors: BadStampede, GeneratorFailed, GeneratorLate (the generator is killed then).
        """
        if self._report is None:
            self._report = self._await_report(self._patience_s if timeout_s is None else timeout_s)
        return self._report

    def stop(self) -> None:
        """Start nothing more; `result` tells what happened once all that is under way is answered, or late."""
        if self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it without a report, and remove its files. Safe to repeat."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._scratch.cleanup()

    def _await_report(self, timeout_s: float) -> Report:
        try:
            status = self._process.wait(timeout_s)
            return _read_report(Path(self._scratch.name), status)
        except subprocess.TimeoutExpired as late:
            raise GeneratorLate(f"stampede gave no report within {timeout_s:g} s") from late
        finally:
            self.kill()


def run(spec: Stampede) -> Report:
    """Run a stampede to its end. Errors: every GeneratorError."""
    with start(spec) as running:
        return running.result()


def start(spec: Stampede) -> Running:
    """Start a stampede and return at once. Errors: CompilerMissing, CompileFailed."""
    program = compiled()
    scratch = tempfile.TemporaryDirectory(prefix="stampede-")
    folder = Path(scratch.name)
    command = [str(program), *_arguments(spec, folder)]
    with (folder / "report").open("wb") as report, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=report, stderr=None if spec.progress else errors)
    return Running(process, scratch, spec.duration_s + spec.timeout_s + GRACE_S)


def compiled(source: Path = SOURCE) -> Path:
    """The program for the present source, compiled if need be. Errors: CompilerMissing, CompileFailed."""
    version = hashlib.sha256(b"\0".join([source.read_bytes(), *(flag.encode() for flag in COMPILE_FLAGS)])).hexdigest()[:16]
    program = _cache_folder() / f"{source.stem}-{version}"
    if not program.exists():
        _compile_to(program, source)
    return program


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "livedrops"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _compile_to(program: Path, source: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        raise CompilerMissing("the load generator is written in C and there is no `cc` here: apt install gcc libc6-dev")
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        fresh = Path(folder) / program.name
        command = [compiler, *COMPILE_FLAGS, "-o", str(fresh), str(source)]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False)
        if outcome.returncode:
            raise CompileFailed(f"cc refused {source} (without C headers: apt install gcc libc6-dev):\n{outcome.stderr}")
        # Two processes may compile at once: each moves a whole program into place.
        fresh.replace(program)


def _arguments(spec: Stampede, folder: Path) -> list[str]:
    files = {
        "request": spec.request,
        "rules": "".join(map(_rule_line, spec.rules)),
        "tokens": "".join(f"{token}\n" for token in spec.tokens),
        "values": "".join(f"{value}\n" for value in spec.values),
    }
    options: dict[str, object] = {name: _written(folder / name, text) for name, text in files.items() if text}
    for name in (
        "host",
        "port",
        "connections",
        "requests",
        "per_buyer",
        "run_id",
        "think_ms",
        "per_second",
        "timeout_s",
        "max_attempts",
        "seed",
        "samples",
    ):
        options[name] = getattr(spec, name)
    options |= {"duration": spec.duration_s, "ramp": spec.ramp_ms}
    if spec.stop_when is not None:
        options["stop_when"] = f"{spec.stop_when.class_name}:{spec.stop_when.count}"
    flags = [f"--{name.replace('_', '-')}" for name in ("honour_retry_after", "progress", "rotate_tokens") if getattr(spec, name)]
    return [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None] + flags


def _rule_line(rule: Rule) -> str:
    status = "*" if rule.status is None else str(rule.status)
    return f"{rule.class_name}\t{status}\t{'*' if rule.contains is None else rule.contains}\n"


def _written(path: Path, text: str) -> Path:
    # The request may carry its own line breaks: nothing is translated.
    path.write_bytes(text.encode())
    return path


def _read_report(folder: Path, status: int) -> Report:
    complaint = (folder / "errors").read_text(errors="replace").strip()
    if status == BAD_ARGUMENTS_EXIT:
        raise BadStampede(complaint or "stampede refused its arguments (its message went to stderr)")
    if status != 0:
        raise GeneratorFailed(f"stampede ended with status {status}: {complaint}")
    return msgspec.json.decode((folder / "report").read_bytes(), type=Report)
