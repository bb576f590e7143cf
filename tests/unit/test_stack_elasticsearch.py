"""How the search engine is found, brought and set up, and what happens where it can't be had."""

import os
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from stack import elasticsearch_plugin, install_elasticsearch, plan
from stack.credentials import Credentials
from stack.errors import StackError, Unavailable
from stack.install_elasticsearch import VERSION, major_version, provide_elasticsearch
from stack.instance import Instance
from stack.plan import OPTIONAL
from stack.servers import Site
from stack.servers import elasticsearch as server
from stack.servers.elasticsearch import Elasticsearch
from stack.settings import StackSettings
from stack.units import Unit
from tests.conftest import elasticsearch_url_of

CREDENTIALS = Credentials("i", "a", "p", "j", "c", {})


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ordinary user's, with nothing on PATH and an empty cache."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("stack.binaries._MORE_FOLDERS", ())
    monkeypatch.setattr(install_elasticsearch, "_JAVA_FOLDERS", tmp_path / "jvm")
    monkeypatch.setattr(install_elasticsearch, "unprivileged_user", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return tmp_path


def add_program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return folder / name


def add_java(machine: Path, version: str) -> Path:
    home = machine / "jvm" / f"java-{version}"
    for program in ("java", "javac"):
        add_program(home / "bin", program)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


def add_ordinary(machine: Path, version: str) -> Path:
    """The person's own, linked into PATH as packagers do."""
    home = machine / f"elasticsearch-{version}"
    binary = add_program(home / "bin", "elasticsearch")
    (home / "lib").mkdir()
    (home / "lib" / f"elasticsearch-{version}.jar").touch()
    (home / "lib" / f"elasticsearch-core-{version}.jar").touch()
    (machine / "bin" / "elasticsearch").symlink_to(binary)
    return home


def site(folder: Path, binaries: Mapping[str, Path]) -> Site:
    instance = Instance("test", folder)
    instance.prepare()
    return Site(instance, {"elasticsearch": 20001, "elasticsearch-transport": 20002}, CREDENTIALS, binaries, {"PATH": "/bin"})


def nothing(_line: str) -> None:
    """Progress that nobody reads."""


def test_an_ordinary_user_is_told_what_an_administrator_could_add(empty_machine: Path) -> None:
    with pytest.raises(Unavailable, match=r"mvn, unzip, javac not found.*apt-get install maven openjdk-17-jdk-headless unzip"):
        provide_elasticsearch(nothing)


def test_an_old_java_is_no_java(empty_machine: Path) -> None:
    add_java(empty_machine, "11.0.2")

    with pytest.raises(Unavailable, match="javac not found"):
        provide_elasticsearch(nothing)


def test_too_little_disk_is_told(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_elasticsearch, "free_mb", lambda _folder: 10)

    with pytest.raises(Unavailable, match="10 MB free"):
        provide_elasticsearch(nothing)


def test_an_unknown_platform_is_told(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(Unavailable, match="riscv64"):
        provide_elasticsearch(nothing)


def test_without_a_network_mavens_own_words_are_told(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("mvn", "unzip"):
        add_program(empty_machine / "bin", program)
    add_java(empty_machine, "17.0.15")

    def unreachable(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        raise StackError("mvn failed with code 1:\n[ERROR] Unknown host of the repository\n[ERROR] To see more, use -e")

    monkeypatch.setattr(install_elasticsearch, "run", unreachable)

    with pytest.raises(Unavailable, match=r"^Unknown host of the repository$"):
        provide_elasticsearch(nothing)


def test_a_wrong_download_is_refused_and_never_found_later(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("mvn", "unzip"):
        add_program(empty_machine / "bin", program)
    add_java(empty_machine, "17.0.15")

    def fetch(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        assert folder is not None
        with zipfile.ZipFile(folder / f"elasticsearch-{VERSION}.zip", "w") as archive:
            archive.writestr(f"elasticsearch-{VERSION}/bin/elasticsearch", "something else")

    monkeypatch.setattr(install_elasticsearch, "run", fetch)

    with pytest.raises(Unavailable, match="SHA-256"):
        provide_elasticsearch(nothing)
    assert [file.name for file in (empty_machine / "cache" / "livedrops").iterdir()] == ["install.lock"]


def test_what_was_installed_is_found_without_maven(empty_machine: Path) -> None:
    home = empty_machine / "cache" / "livedrops" / f"elasticsearch-{VERSION}-{elasticsearch_plugin.digest(VERSION)}"
    binary = add_program(home / "bin", "elasticsearch")
    java = add_java(empty_machine, "21.0.1")

    assert provide_elasticsearch(nothing) == {"elasticsearch": binary, "java": java / "bin" / "java"}


def test_a_persons_own_is_used_with_the_java_it_brings(empty_machine: Path) -> None:
    home = add_ordinary(empty_machine, "8.17.0")
    (home / "jdk").mkdir()

    assert provide_elasticsearch(nothing) == {"elasticsearch": home / "bin" / "elasticsearch"}


def test_a_persons_own_that_is_too_old_is_not_used(empty_machine: Path) -> None:
    home = add_ordinary(empty_machine, "7.17.9")

    assert major_version(home) == 7
    with pytest.raises(Unavailable, match="not found"):
        provide_elasticsearch(nothing)


def test_a_folder_without_a_jar_has_no_version(tmp_path: Path) -> None:
    assert major_version(tmp_path) == 0


def test_another_source_or_version_is_another_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = elasticsearch_plugin.digest("8.19.21")
    (tmp_path / "Changed.java").write_text("class Changed {}")

    assert elasticsearch_plugin.digest("8.19.21") == before
    assert elasticsearch_plugin.digest("8.19.22") != before
    monkeypatch.setattr(elasticsearch_plugin, "_SOURCES", tmp_path)
    assert elasticsearch_plugin.digest("8.19.21") != before


def test_the_node_is_alone_without_security_and_on_loopback(tmp_path: Path) -> None:
    home = add_ordinary_home(tmp_path, ("x-pack-security", "x-pack-ml"))

    command = Elasticsearch(site(tmp_path / "state", {"elasticsearch": home / "bin" / "elasticsearch"})).programs()[0].command

    assert {"-Ediscovery.type=single-node", "-Enetwork.host=127.0.0.1", "-Ehttp.port=20001", "-Etransport.port=20002"} <= {*command}
    assert {"-Expack.security.enabled=false", "-Expack.ml.enabled=false"} <= {*command}
    # A setting of a module that is not there would end the start.
    assert not [flag for flag in command if "watcher" in flag or "geoip" in flag]


@pytest.mark.parametrize(("maps", "is_off"), [("65530\n", True), ("262144\n", False)])
def test_indexes_are_mapped_only_where_the_kernel_allows_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maps: str, is_off: bool
) -> None:
    (tmp_path / "max_map_count").write_text(maps)
    monkeypatch.setattr(server, "_MAPS", tmp_path / "max_map_count")
    home = add_ordinary_home(tmp_path, ())

    command = Elasticsearch(site(tmp_path / "state", {"elasticsearch": home / "bin" / "elasticsearch"})).programs()[0].command

    assert ("-Enode.store.allow_mmap=false" in command) == is_off


def test_a_java_is_named_only_where_the_server_brings_none(tmp_path: Path) -> None:
    binary = add_ordinary_home(tmp_path, ()) / "bin" / "elasticsearch"
    java = Path("/usr/lib/jvm/java-17/bin/java")

    ours = Elasticsearch(site(tmp_path / "state", {"elasticsearch": binary, "java": java})).programs()[0].environment
    theirs = Elasticsearch(site(tmp_path / "state", {"elasticsearch": binary})).programs()[0].environment

    assert ours["ES_JAVA_HOME"] == "/usr/lib/jvm/java-17"
    assert "ES_JAVA_HOME" not in theirs


def test_its_files_are_its_users_alone(tmp_path: Path) -> None:
    here = site(tmp_path, {"elasticsearch": tmp_path / "bin" / "elasticsearch"})
    try:
        made = Elasticsearch(here)
        made.prepare()
        made.prepare()
        home = made.programs()[0].folder

        assert "-Xmx256m" in (home / "config" / "jvm.options").read_text()
        assert {file.name for file in home.iterdir()} == {"config", "data", "logs", "tmp"}
        assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
        assert len({(file.stat().st_uid) for file in home.rglob("*")}) == 1
    finally:
        here.instance.forget()


def test_a_stack_without_it_says_so_and_keeps_all_other_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(_progress: object) -> dict[str, Path]:
        raise Unavailable("no network")

    monkeypatch.setattr(plan, "provide", lambda servers, _progress: {name: Path("/bin") / name for name in servers})
    monkeypatch.setattr(plan, "provide_elasticsearch", unavailable)
    lines: list[str] = []

    servers, _binaries, absent = plan._provide(plan._ours("test", (), StackSettings.of({})), False, lines.append)

    assert servers == ["rabbitmq", "postgres", "mongo", "redis"]
    assert absent == {"elasticsearch": "no network"}
    assert lines == ["  -- elasticsearch left out: no network"]


def test_it_is_not_started_for_nobody() -> None:
    searching = Unit("search", ("x",), "search", (OPTIONAL,))
    assert OPTIONAL not in plan._ours("dev", (), StackSettings.of({}))
    assert OPTIONAL in plan._ours("dev", (searching,), StackSettings.of({}))


def test_an_address_of_ones_own_is_not_looked_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "provide", lambda servers, _progress: {})
    monkeypatch.setattr(plan, "provide_elasticsearch", lambda _progress: pytest.fail("looked for a server that is not ours to run"))
    settings = StackSettings.of({"LIVEDROPS_SEARCH_ELASTICSEARCH_URL": "http://search.example"})

    servers, _binaries, absent = plan._provide(plan._ours("test", (), settings), False, nothing)

    assert OPTIONAL not in servers
    assert absent == {}


class Without:
    """A stack that could not get it."""

    def has(self, server: str) -> bool:
        return False

    def why_absent(self, server: str) -> str:
        return "no network"


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_tests_that_need_it_are_skipped_by_people_and_failed_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome, match="no Elasticsearch here: no network"):
        elasticsearch_url_of(Without())  # type: ignore[arg-type]


def add_ordinary_home(folder: Path, modules: Sequence[str]) -> Path:
    home = folder / "server"
    add_program(home / "bin", "elasticsearch")
    for module in modules:
        os.makedirs(home / "modules" / module)
    return home
