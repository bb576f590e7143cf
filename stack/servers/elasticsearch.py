"""Elasticsearch: one node without security on loopback, sized for one developer's machine.

An ordinary Elasticsearch that the person has runs the same way as the one from Maven Central (stack/install_elasticsearch.py).
"""

from collections.abc import Mapping
from pathlib import Path

from stack.programs import Program
from stack.readiness import answers
from stack.servers import Site
from stack.servers.home import Home

HEAP = "256m"
# Elasticsearch maps each file of an index; below this many maps a process, the kernel would refuse some.
# https://www.elastic.co/guide/en/elasticsearch/reference/8.19/vm-max-map-count.html
ENOUGH_MAPS = 262_144
_MAPS = Path("/proc/sys/vm/max_map_count")

# A full developer's disk must not make indexes read-only, and a single node has nowhere to move them. What requests may take is
# counted by what they are known to take: the other way looks at the heap, garbage included, and a small one looks full all the time.
_SETTINGS: Mapping[str, str] = {
    "cluster.name": "livedrops",
    "node.name": "livedrops",
    "discovery.type": "single-node",
    "network.host": "127.0.0.1",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "indices.breaker.total.use_real_memory": "false",
}
# What a module would do that is of no use here: ask for passwords, or keep an idle machine busy. The one from Maven Central lacks
# most modules, and a setting that no module knows ends the start.
_MODULE_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "x-pack-security": {"xpack.security.enabled": "false"},
    "x-pack-ml": {"xpack.ml.enabled": "false"},
    "x-pack-watcher": {"xpack.watcher.enabled": "false"},
    "ingest-geoip": {"ingest.geoip.downloader.enabled": "false"},
}

# A start costs half the CPU without the second compiler, for somewhat slower queries once it is warm. Elasticsearch itself would touch
# the whole heap first, which makes all of it resident.
_JVM_OPTIONS = f"""\
-Xms{HEAP}
-Xmx{HEAP}
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:-AlwaysPreTouch
-XX:-UsePerfData
-XX:+ExitOnOutOfMemoryError
-Djava.io.tmpdir=${{ES_TMPDIR}}
"""

# To the console only: supervisord keeps and turns over the log.
_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] [%node_name]%marker %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


class Elasticsearch:
    name = "elasticsearch"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._port = site.ports["elasticsearch"]
        self._home = Home(site, "elasticsearch")

    def files(self) -> dict[Path, str]:
        return {}

    def programs(self) -> tuple[Program, ...]:
        binary = self._site.binaries["elasticsearch"]
        flags = [f"-E{name}={value}" for name, value in self._settings(binary).items()]
        # It gives way to what buyers wait for. A small Java program stands between, starts the node and passes signals on.
        return (Program("elasticsearch", (str(binary), *flags), self._environment(), self._home.folder, user=self._home.user, nice=3),)

    def prepare(self) -> None:
        self._home.make()
        for name in ("config", "data", "logs", "tmp"):
            (self._home.folder / name).mkdir(mode=0o700, exist_ok=True)
            self._home.give(self._home.folder / name)
        # It writes a file of its own beside these.
        for name, text in {"elasticsearch.yml": "", "jvm.options": _JVM_OPTIONS, "log4j2.properties": _LOGGING}.items():
            file = self._home.folder / "config" / name
            file.write_text(text)
            self._home.give(file)

    def is_ready(self) -> bool:
        """Ready is: every index can be read and written. With one node, copies of them are nowhere, which is yellow."""
        return answers(self._port, "/_cluster/health?wait_for_status=yellow&timeout=0s")

    def _settings(self, binary: Path) -> dict[str, str]:
        settings = {
            **_SETTINGS,
            "http.port": str(self._port),
            "transport.port": str(self._site.ports["elasticsearch-transport"]),
            "path.data": str(self._home.folder / "data"),
            "path.logs": str(self._home.folder / "logs"),
        }
        if int(_MAPS.read_text()) < ENOUGH_MAPS:
            settings["node.store.allow_mmap"] = "false"
        modules = binary.parent.parent / "modules"
        for module, more in _MODULE_SETTINGS.items():
            settings |= more if (modules / module).is_dir() else {}
        return settings

    def _environment(self) -> dict[str, str]:
        """ES_JAVA_HOME only where it does not bring a Java of its own."""
        java = self._site.binaries.get("java")
        return {
            **self._site.base,
            "ES_PATH_CONF": str(self._home.folder / "config"),
            "ES_TMPDIR": str(self._home.folder / "tmp"),
            # For the small Java program that starts the node.
            "CLI_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:-UsePerfData",
            **({"ES_JAVA_HOME": str(java.parent.parent)} if java else {}),
        }
