"""What the autoscaler asks Prometheus gives the right counts. promtool judges, over made-up courses of a look each quarter of a minute."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.nomad.scaling import LOOK, SCALED, queries

# A course, as promtool writes it: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
Wanted = Callable[[str, str, dict[str, str], dict[str, float | None]], None]
HOUR = "x240"
HTTP = "livedrops_http_request_seconds_count{kind='read'}"
BATCHES = "livedrops_rpc_server_seconds_bucket{{service='orders',method='place_many',le='{le}'}}"


def ready(unit: str) -> str:
    return f"livedrops_unit_ready{{unit='{unit}'}}"


@pytest.fixture
def wanted(promtool: Path, tmp_path: Path) -> Wanted:
    """Asserts how many a check wants at which time, with the job's variables as they are; None where it has no opinion."""

    def judge(unit: str, check: str, courses: dict[str, str], expected: dict[str, float | None]) -> None:
        query = queries(unit)[check].replace("${var.calm}", "5m").replace("${var.crowd}", str(SCALED[unit].crowd))
        samples = {time: [] if value is None else [{"labels": "{}", "value": value}] for time, value in expected.items()}
        test = {
            "interval": LOOK,
            "input_series": [{"series": series, "values": values} for series, values in courses.items()],
            "promql_expr_test": [{"expr": query, "eval_time": time, "exp_samples": found} for time, found in samples.items()],
        }
        file = tmp_path / "test.yml"
        file.write_text(json.dumps({"evaluation_interval": LOOK, "tests": [test]}))
        done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    return judge


def test_gateways_come_with_the_load_and_go_when_it_was_calm_for_a_while(wanted: Wanted) -> None:
    # 1,500 a second for ten minutes, then one for each second.
    course = {HTTP: "0+22500x40 900015+15x100"}

    wanted("gateway", "load", course, {"2m": 3, "9m": 3, "14m": 3, "17m": 1, "30m": 1})


def test_a_quiet_minute_of_a_sale_takes_no_gateway_away(wanted: Wanted) -> None:
    course = {HTTP: "0+22500x20 450015+15x4 450075+22500x40"}

    wanted("gateway", "load", course, {"5m": 3, "6m15s": 3, "8m": 3})


def test_streams_are_counted_over_all_processes(wanted: Wanted) -> None:
    course = {f"livedrops_live_connections{{process='{number}'}}": f"6000{HOUR}" for number in (1, 2)}

    wanted("live", "load", course, {"5m": 3})


def test_where_nobody_orders_no_more_are_wanted(wanted: Wanted) -> None:
    idle = {BATCHES.format(le=le): f"7{HOUR}" for le in ("0.1", "+Inf")}

    wanted("orders", "load", {ready("orders"): f"1{HOUR}"}, {"10m": 0})
    wanted("orders", "load", {ready("orders"): f"1{HOUR}", **idle}, {"10m": 0})


def test_orders_that_take_long_want_more_in_proportion(wanted: Wanted) -> None:
    # All within half a second, none within 0.35: the 95th percentile is 0.4925 s.
    slow = {BATCHES.format(le="0.35"): f"0{HOUR}", BATCHES.format(le="0.5"): f"0+15{HOUR}", BATCHES.format(le="+Inf"): f"0+15{HOUR}"}

    wanted("orders", "load", {ready("orders"): f"1{HOUR}", **slow}, {"10m": 3})


def test_a_push_that_waits_for_minutes_wants_more_workers(wanted: Wanted) -> None:
    waiting = {"livedrops_queue_oldest_seconds{queue='notifications.push'}": "0x40 110x20 0x100"}
    course = {ready("notifications-push"): f"1{HOUR}", **waiting}

    wanted("notifications-push", "load", course, {"9m": 0, "12m": 2, "19m": 2, "30m": 0})


@pytest.mark.parametrize("unit", SCALED)
def test_of_what_nobody_measured_nothing_is_wanted(wanted: Wanted, unit: str) -> None:
    """No value: the autoscaler then leaves the count as it is."""
    wanted(unit, "load", {}, {"10m": None})
    # Prometheus was away, and has begun a minute ago to see the unit.
    wanted(unit, "load", {ready(unit): "_x40 1x10"}, {"11m": None})


@pytest.mark.parametrize(("unit", "count"), [("gateway", 5), ("live", 5), ("orders", 2)])
def test_a_crowd_is_prepared_for_while_it_is_expected(wanted: Wanted, unit: str, count: int) -> None:
    wanted(unit, "crowd", {"livedrops_crowd": "0x20 450000x60 0x60"}, {"4m": 0, "6m": count, "19m": count, "25m": 0})
    wanted(unit, "crowd", {}, {"4m": None})
