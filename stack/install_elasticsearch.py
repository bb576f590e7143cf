"""Installing Elasticsearch, the one server that LiveDrops starts without where it can't be had.

Maven Central has a real one that lacks most modules; it is unpacked, and completed by the plugin in stack/elasticsearch_plugin.
An ordinary Elasticsearch on PATH is used as it is.
"""

import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from stack import elasticsearch_plugin
from stack.accounts import can_enter, unprivileged_user
from stack.binaries import cache_folder, find
from stack.errors import StackError, Unavailable
from stack.install import alone, apt_install, free_mb, run
from stack.progress import Progress, step

VERSION = "8.19.21"
_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
_SHA256 = "215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a"
# The client library asks for this major version or a later one.
OLDEST_MAJOR_VERSION = 8
OLDEST_JAVA = 17
_PACKAGES = {"mvn": "maven", "unzip": "unzip", "javac": f"openjdk-{OLDEST_JAVA}-jdk-headless"}
# The archive twice, because Maven keeps a copy while it works, and unpacked; the Java kit, where apt brings it, on top.
NEEDED_DISK_BYTES = 800_000_000
# For a root whose home is closed to the user that the server runs as.
_SHARED_CACHE = Path("/var/cache/livedrops")
_JAVA_FOLDERS = Path("/usr/lib/jvm")
# Without a network, say so soon; Maven 3.8 knows the first two names, 3.9 the last.
_PATIENCE = ("-Dmaven.wagon.rto=30000", "-Dmaven.wagon.http.retryHandler.count=1", "-Daether.connector.connectTimeout=10000")


def provide_elasticsearch(progress: Progress) -> dict[str, Path]:
    """Where "elasticsearch" is, and "java" where it brings none of its own, after installing what is missing.

    Raises Unavailable, in one sentence, where it can't be had.
    """
    ordinary = _ordinary()
    if ordinary:
        return {"elasticsearch": ordinary} | _java_for(ordinary.parent.parent)
    try:
        with alone():
            home = _completed(progress)
    except (StackError, OSError) as error:
        raise Unavailable(_last_words(error)) from error
    return {"elasticsearch": home / "bin" / "elasticsearch"} | _java_for(home)


def major_version(home: Path) -> int:
    """8 for Elasticsearch 8.19.21; 0 where its jar is not found."""
    names = (re.fullmatch(r"elasticsearch-(\d+)\.[\d.]+\.jar", file.name) for file in (home / "lib").glob("elasticsearch-*.jar"))
    return next((int(found.group(1)) for found in names if found), 0)


def _ordinary() -> Path | None:
    """The person's own, where it is new enough and the user that runs it gets there."""
    found = find("elasticsearch")
    if found is None:
        return None
    binary = found.resolve()
    is_usable = major_version(binary.parent.parent) >= OLDEST_MAJOR_VERSION and can_enter(unprivileged_user(), binary.parent)
    return binary if is_usable else None


def _java_for(home: Path) -> dict[str, Path]:
    if (home / "jdk").is_dir():
        return {}
    java = _java_home("java")
    if java is None:
        raise Unavailable(f"Java {OLDEST_JAVA} or later is not found: apt-get install {_PACKAGES['javac']}")
    return {"java": java / "bin" / "java"}


def _completed(progress: Progress) -> Path:
    """The unpacked server with our plugin in it. Raises Unavailable, StackError."""
    base = _base_folder()
    plain = base / f"elasticsearch-{VERSION}"
    home = base / f"{plain.name}-{elasticsearch_plugin.digest(VERSION)}"
    if home.exists():
        return home
    if plain.exists():
        _add_tools([], progress)
    else:
        _check_possible(base)
        _add_tools(["mvn", "unzip"], progress)
        with step(progress, "downloaded elasticsearch"):
            _download(plain)
    with step(progress, "compiled elasticsearch's plugin"):
        _complete(plain, home)
    return home


def _base_folder() -> Path:
    cache_folder().mkdir(parents=True, exist_ok=True)
    if can_enter(unprivileged_user(), cache_folder()):
        return cache_folder()
    _SHARED_CACHE.mkdir(exist_ok=True)
    _SHARED_CACHE.chmod(0o755)
    return _SHARED_CACHE


def _check_possible(base: Path) -> None:
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise Unavailable(f"Maven Central has it for Linux on x86_64 and aarch64 only; this is {platform.system()} on {platform.machine()}")
    if free_mb(base) * 10**6 < NEEDED_DISK_BYTES:
        raise Unavailable(f"{base} has {free_mb(base)} MB free, and it needs {NEEDED_DISK_BYTES // 10**6} MB")


def _add_tools(programs: list[str], progress: Progress) -> None:
    """These, and what compiling needs. Raises Unavailable where only an administrator could."""
    missing = [program for program in programs if find(program) is None]
    missing += [] if _java_home("javac") else ["javac"]
    packages = sorted(_PACKAGES[program] for program in missing)
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"{', '.join(missing)} not found; an administrator brings them with: apt-get install {' '.join(packages)}")
    with step(progress, f"installed {' '.join(packages)}"):
        apt_install(packages)


def _download(plain: Path) -> None:
    """Fetch, check and unpack beside its place, and only then put it there: a broken download is never found later."""
    with tempfile.TemporaryDirectory(dir=plain.parent) as scratch:
        # A repository of its own: nobody needs the archive a second time.
        options = [*_PATIENCE, f"-Dmaven.repo.local={scratch}/repository", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={scratch}"]
        run(["mvn", "-q", "-B", "dependency:copy", *options], os.environ, Path(scratch))
        archive = Path(scratch) / f"elasticsearch-{VERSION}.zip"
        _check_digest(archive)
        run(["unzip", "-q", str(archive), "-d", scratch], os.environ)
        unpacked = Path(scratch) / plain.name
        # Whoever runs it must read it, whatever this process's umask says.
        run(["chmod", "-R", "a+rX", str(unpacked)], os.environ)
        unpacked.rename(plain)


def _check_digest(archive: Path) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise Unavailable(f"what was downloaded is not Elasticsearch {VERSION}: its SHA-256 is {found}")


def _complete(plain: Path, home: Path) -> None:
    """Add the plugin to a copy, made of hard links, so that clones with different plugins share the rest."""
    jdk = _java_home("javac")
    if jdk is None:
        raise Unavailable(f"a Java kit of version {OLDEST_JAVA} or later is not found: apt-get install {_PACKAGES['javac']}")
    with tempfile.TemporaryDirectory(dir=plain.parent) as scratch:
        draft = Path(scratch) / home.name
        shutil.copytree(plain, draft, copy_function=os.link)
        elasticsearch_plugin.compile_into(draft, VERSION, jdk)
        run(["chmod", "-R", "a+rX", str(draft)], os.environ)
        draft.rename(home)


def _java_home(program: str) -> Path | None:
    """A Java that is new enough, has this program, and can be reached by the user that the server runs as."""
    may_enter = partial(can_enter, unprivileged_user())
    return next((home for home in _java_homes() if _java_version(home) >= OLDEST_JAVA and _has(home, program) and may_enter(home)), None)


def _java_homes() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    on_path = find("java")
    if on_path:
        yield on_path.resolve().parent.parent
    yield from sorted(_JAVA_FOLDERS.glob("*"))


def _has(home: Path, program: str) -> bool:
    return os.access(home / "bin" / program, os.X_OK)


def _java_version(home: Path) -> int:
    """17 for 17.0.15; 0 where it does not say, as 1.8 says 1."""
    release = home / "release"
    found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE) if release.is_file() else None
    return int(found.group(1)) if found else 0


def _last_words(error: Exception) -> str:
    """One line of an error: of a command's output, the first that calls itself an error, else the last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    complaint = next((line for line in lines if line.startswith("[ERROR]")), lines[-1])
    return complaint.removeprefix("[ERROR]").strip()[:300]
