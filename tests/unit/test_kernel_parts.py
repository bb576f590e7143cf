"""The kernel's parts that need no server."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from services.contracts.errors import BY_CODE, Busy, DeadlineExceeded, Forbidden, Internal, InvalidInput, NotFound, from_wire
from services.contracts.rights import GATEWAY
from services.contracts.users import Role
from services.kernel import calls, ids, wire
from services.kernel.batching import Batcher
from services.kernel.calls import Viewer
from services.kernel.config import ConfigurationError, Settings
from services.kernel.cursors import Cursors
from services.kernel.key_filter import KeyFilter
from services.kernel.migrations import PARTITIONS, distribute

KEY = b"a key of at least sixteen bytes"


class TestCursors:
    cursors = Cursors(KEY, "orders")

    def test_a_cursor_reads_back_as_what_was_written(self) -> None:
        assert self.cursors.read(self.cursors.write(["x", 5]), list[str | int]) == ["x", 5]

    @given(st.text(alphabet="abcXYZ019_-", max_size=80))
    def test_no_made_up_text_is_a_cursor(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            self.cursors.read(text, list[str])

    def test_a_cursor_of_another_kind_or_key_is_refused(self) -> None:
        for other in (Cursors(KEY, "followers"), Cursors(KEY + b"!", "orders")):
            with pytest.raises(InvalidInput):
                self.cursors.read(other.write(["x"]), list[str])


class TestKeyFilter:
    @given(st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), max_size=100))
    def test_every_key_that_was_put_in_may_be_in_it(self, keys: list[tuple[str, str]]) -> None:
        made = KeyFilter.of(keys, len(keys))
        assert all(made.may_hold(*key) for key in keys)

    def test_few_others_are_let_through(self) -> None:
        made = KeyFilter.of(((str(number), "k") for number in range(2_000)), 2_000)
        strangers = sum(made.may_hold(f"stranger {number}", "k") for number in range(10_000))
        assert strangers < 200


class TestBatcher:
    def test_what_waits_while_a_batch_is_under_way_travels_together(self) -> None:
        batches: list[int] = []
        gate = threading.Event()

        def send(_key: str, requests: Sequence[int]) -> list[int]:
            batches.append(len(requests))
            gate.wait(5)
            return [-request for request in requests]

        batcher: Batcher[str, int, int] = Batcher(send, largest=100, flights=1, capacity=100)
        answers: dict[int, int] = {}
        threads = [threading.Thread(target=lambda n=n: answers.update({n: batcher.submit("k", n, 5)})) for n in range(20)]
        for thread in threads:
            thread.start()
        _until(lambda: batcher.inside("k") == 20)
        gate.set()
        for thread in threads:
            thread.join()
        assert batches == [1, 19]
        assert answers == {n: -n for n in range(20)}

    def test_one_more_than_its_capacity_is_told_at_once(self) -> None:
        gate = threading.Event()
        batcher: Batcher[str, int, int] = Batcher(
            lambda _key, requests: (gate.wait(5), list(requests))[1], largest=10, flights=1, capacity=1
        )
        thread = threading.Thread(target=lambda: batcher.submit("k", 1, 5))
        thread.start()
        _until(lambda: batcher.inside("k") == 1)
        with pytest.raises(Busy):
            batcher.submit("k", 2, 5)
        gate.set()
        assert batcher.submit("another key", 3, 5) == 3
        thread.join()

    def test_whoever_waits_past_his_deadline_is_told_and_left_out(self) -> None:
        gate, seen = threading.Event(), list[int]()

        def send(_key: str, requests: Sequence[int]) -> list[int]:
            seen.extend(requests)
            gate.wait(5)
            return list(requests)

        batcher: Batcher[str, int, int] = Batcher(send, largest=10, flights=1, capacity=10)
        thread = threading.Thread(target=lambda: batcher.submit("k", 1, 5))
        thread.start()
        _until(lambda: seen == [1])
        with pytest.raises(DeadlineExceeded):
            batcher.submit("k", 2, 0.05)
        gate.set()
        thread.join()
        assert batcher.submit("k", 3, 1) == 3
        assert seen == [1, 3]

    def test_an_error_reaches_every_caller_of_its_batch_and_the_next_batch_goes_on(self) -> None:
        fail = True

        def send(_key: str, requests: Sequence[int]) -> list[int]:
            if fail:
                raise NotFound()
            return list(requests)

        batcher: Batcher[str, int, int] = Batcher(send, largest=10, flights=1, capacity=10)
        with pytest.raises(NotFound):
            batcher.submit("k", 1, 1)
        fail = False
        assert batcher.submit("k", 1, 1) == 1
        assert batcher.inside("k") == 0


class TestErrors:
    @pytest.mark.parametrize("code", BY_CODE)
    def test_an_error_survives_the_wire(self, code: str) -> None:
        sent = BY_CODE[code]("Said so.", field="x")
        assert type(from_wire(**sent.to_wire())) is BY_CODE[code]

    def test_a_code_from_the_future_is_internal_and_keeps_its_name(self) -> None:
        error = from_wire("BRAND_NEW", "?", {})
        assert isinstance(error, Internal)
        assert error.data["unknown_code"] == "BRAND_NEW"


class TestIdentity:
    viewer = Viewer("ann", (Role.FAN,))

    def _headers(self) -> dict[str, object]:
        return wire.headers_of(calls.begin(2, "c-1", viewer=self.viewer), 2)

    def test_a_person_is_believed_from_the_gateway(self) -> None:
        assert wire.call_of(self._headers(), GATEWAY).viewer == self.viewer

    @pytest.mark.parametrize("sender", ["orders", "analytics", None])
    def test_a_person_is_not_believed_from_anybody_else(self, sender: str | None) -> None:
        assert wire.call_of(self._headers(), sender).viewer is None

    def test_time_travels_as_what_remains(self) -> None:
        assert 1.5 < wire.call_of(self._headers(), GATEWAY).remaining_s() <= 2

    @pytest.mark.parametrize("header", ["x" * 500, 5, "a\nb", None])
    def test_a_strange_correlation_id_does_no_harm(self, header: object) -> None:
        call = wire.call_of({wire.CORRELATION_ID: header, wire.TIMEOUT_MS: "soon"}, None)
        assert 0 < len(call.correlation_id) <= wire.MAX_CORRELATION_ID
        assert call.correlation_id.isprintable()

    def test_a_person_may_act_for_himself_and_an_operator_for_all(self) -> None:
        calls.begin(viewer=self.viewer).require_person("ann")
        with pytest.raises(Forbidden):
            calls.begin(viewer=self.viewer).require_person("bob")
        calls.begin(viewer=Viewer("op", (Role.OPERATOR,))).require_person("bob")


class TestSettings:
    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIVEDROPS_BROKER_URL", "amqp://orders:geheim@localhost/x")
        monkeypatch.setenv("LIVEDROPS_REDIS_URL", "redis://localhost")

    @pytest.mark.parametrize(
        ("variable", "value", "told"),
        [
            ("LIVEDROPS_HTTP_PORT", "abc", "'abc'"),
            ("LIVEDROPS_HTTP_PORT", "70000", "less than or equal to 65535"),
            ("LIVEDROPS_ENV", "prod", "'development', 'test' or 'production'"),
            ("LIVEDROPS_LOG_LEVEL", "LOUD", "'DEBUG'"),
            ("LIVEDROPS_BROKER_URL", "http://user:geheim@x", "must start with amqp://"),
        ],
    )
    def test_a_wrong_value_names_variable_value_and_what_is_allowed(
        self, variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, value)
        with pytest.raises(ConfigurationError) as caught:
            Settings.load()
        assert variable in str(caught.value)
        assert told in str(caught.value)
        assert "geheim" not in str(caught.value)

    def test_a_missing_value_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LIVEDROPS_REDIS_URL")
        with pytest.raises(ConfigurationError, match="LIVEDROPS_REDIS_URL is not set"):
            Settings.load()

    def test_the_environment_wins_over_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "livedrops.toml"
        file.write_text('http_port = 1111\nlog_level = "ERROR"\n')
        monkeypatch.setenv("LIVEDROPS_CONFIG", str(file))
        monkeypatch.setenv("LIVEDROPS_HTTP_PORT", "2222")
        settings = Settings.load()
        assert (settings.http_port, settings.log_level) == (2222, "ERROR")

    def test_secrets_are_hidden_when_printed(self) -> None:
        assert "geheim" not in str(Settings.load().describe())
        assert "geheim" not in repr(Settings.load())
        assert Settings.load().describe()["broker_url"] == "amqp://orders:***@localhost/x"


class TestDistribute:
    PLAIN = "create table stock (\n    drop_id uuid primary key\n);\n-- distribute: stock by drop_id\n"

    def test_locally_a_table_becomes_hash_partitions(self) -> None:
        text = distribute(self.PLAIN, "stock", "drop_id", clustered=False)
        assert "partition by hash (drop_id)" in text
        assert text.count("partition of stock") == PARTITIONS

    def test_in_a_cluster_it_is_distributed(self) -> None:
        text = distribute(self.PLAIN, "stock", "drop_id", clustered=True)
        assert "select create_distributed_table('stock', 'drop_id');" in text
        assert "partition" not in text

    def test_a_table_that_is_not_there_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="no plain"):
            distribute(self.PLAIN, "orders", "drop_id", clustered=False)


class TestIds:
    def test_new_ids_sort_by_time(self) -> None:
        made = [ids.new_id() for _ in range(100)]
        assert made == sorted(made)

    def test_a_derived_id_depends_on_every_part(self) -> None:
        assert ids.derived_id("a", "bc") == ids.derived_id("a", "bc") != ids.derived_id("ab", "c")


def _until(check: object, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.001)
