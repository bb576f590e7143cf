"""Rules, runbooks and boards hold together. promtool judges the rules themselves."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from monitoring.alertmanager import render_alertmanager
from monitoring.alerts import all_alerts, rule_files
from monitoring.alerts.rule import PAGE, TICKET, Alert
from monitoring.boards.definitions import BOARDS
from monitoring.generating import changed_files
from monitoring.pace import Pace, duration
from monitoring.probing import Probed, read_units, render_units
from monitoring.prometheus import Job, render_prometheus
from stack.instance import CLONE
from stack.nomad.scaling import SCALED, queries

ALERTS = all_alerts()
NAMES = sorted({alert.name for alert in ALERTS})
TESTS = sorted((CLONE / "monitoring" / "tests").glob("*.yml"))
SECTIONS = ["What it means", "What people notice", "How to look", "How to mend", "How to know it is over"]
QUICK = Pace(1 / 15)


def run(promtool: Path, *arguments: str) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_kept_is_what_is_made_now() -> None:
    assert changed_files() == [], "write it anew with: livedrops monitor generate"


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_runbook_that_says_all(name: str) -> None:
    alert = next(alert for alert in ALERTS if alert.name == name)
    text = (CLONE / alert.runbook).read_text()

    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS


def test_no_runbook_of_an_alert_is_left_over() -> None:
    """Titles of other runbooks are sentences."""
    titles = [file.read_text().partition("\n")[0].removeprefix("# ") for file in (CLONE / "docs" / "runbooks").glob("*.md")]

    assert [title for title in titles if re.fullmatch(r"([A-Z][a-z]+){2,}", title) and title not in NAMES] == []


@pytest.mark.parametrize("name", NAMES)
def test_links_between_runbooks_lead_somewhere(name: str) -> None:
    file = CLONE / next(alert for alert in ALERTS if alert.name == name).runbook

    for link in re.findall(r"\]\(([^)]+\.md)\)", file.read_text()):
        assert (file.parent / link).exists(), link


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.severity}")
def test_each_alert_says_how_urgent_it_is_and_what(alert: Alert) -> None:
    assert alert.severity in (PAGE, TICKET)
    assert alert.summary
    assert "\n" not in alert.summary


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_is_seen_to_fire_and_to_be_quiet(name: str) -> None:
    """In promtool's tests: one that expects it, one that does not."""
    expectations = [
        (one["expr"], sample)
        for file in TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        if name in str(test)
        for one in test["promql_expr_test"]
        for sample in one["exp_samples"] or [None]
    ]

    assert any(sample and name in expression + str(sample) for expression, sample in expectations)
    assert any(sample is None for _, sample in expectations)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_the_rules_judge_as_they_should(promtool: Path, file: Path) -> None:
    run(promtool, "test", "rules", str(file))


@pytest.mark.parametrize("pace", [Pace(), QUICK, Pace(0.001)], ids=str)
def test_prometheus_takes_what_is_made_at_any_pace(promtool: Path, pace: Pace, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name, text in rule_files(pace).items():
        (tmp_path / "rules" / name).write_text(text)
    jobs = [Job("here", ("127.0.0.1:1",)), Job("found", file=str(tmp_path / "found.json"))]
    (tmp_path / "prometheus.yml").write_text(render_prometheus(jobs, "127.0.0.1:2", str(tmp_path / "rules"), pace))

    run(promtool, "check", "config", str(tmp_path / "prometheus.yml"))


def test_a_quicker_pace_shrinks_windows_and_never_below_what_a_rate_needs() -> None:
    assert (Pace().scrape, Pace().window("5m"), Pace().wait("30s"), Pace().window("3d")) == ("15s", "5m", "30s", "3d")
    assert (QUICK.scrape, QUICK.window("5m"), QUICK.wait("30s"), QUICK.window("1h")) == ("1s", "20s", "2s", "4m")
    assert Pace(0.001).window("5m") == "4s"
    assert duration(0.5) == "500ms"


@pytest.mark.parametrize("text", ["fast", "0", "2", "-1", "nan"])
def test_a_pace_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="LIVEDROPS_MONITORING_PACE"):
        Pace.of({"LIVEDROPS_MONITORING_PACE": text})


def test_nothing_leaves_the_machine_unasked() -> None:
    quiet, told = (yaml.safe_load(render_alertmanager(url, Pace())) for url in ("", "http://127.0.0.1:9/hook"))

    assert quiet["receivers"] == [{"name": "nobody"}]
    assert [one.get("webhook_configs", [{}])[0].get("url") for one in told["receivers"]] == [None, "http://127.0.0.1:9/hook"]


def test_alertmanager_keeps_quiet_only_about_alerts_that_there_are() -> None:
    rules = yaml.safe_load(render_alertmanager("", Pace()))["inhibit_rules"]
    matchers = [matcher for rule in rules for side in ("source_matchers", "target_matchers") for matcher in rule[side]]
    named = [matcher.partition("=~")[2] or matcher.partition("=")[2] for matcher in matchers if matcher.startswith("alertname")]

    for pattern in named:
        assert any(re.fullmatch(pattern.strip('"'), name) for name in NAMES), pattern
    assert "BrokerAway" in NAMES


def test_the_list_of_processes_is_read_as_it_was_written() -> None:
    text = render_units([("gateway", "gateway-1", "http://127.0.0.1:1/readyz")])

    assert read_units(text.encode()) == [Probed("gateway", "gateway-1", "http://127.0.0.1:1/readyz")]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_what_the_boards_ask_is_promql(promtool: Path, board: object, tmp_path: Path) -> None:
    """As rules, since promtool judges those."""
    panels = next(one for one in BOARDS if one is board).panels
    rules = [{"record": "board:a", "expr": line.expression.replace("WINDOW", "1m")} for panel in panels for line in panel.lines]
    rules = [{**rule, "record": f"board:panel_{number}"} for number, rule in enumerate(rules)]
    file = tmp_path / "board.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))

    run(promtool, "check", "rules", str(file))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_panels_of_grafana_do_not_overlap(board: object) -> None:
    name = next(one for one in BOARDS if one is board).name
    document = json.loads((CLONE / "monitoring" / "grafana" / f"{name}.json").read_text())
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in document["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_every_metric_of_ours_that_is_asked_for_is_made_somewhere() -> None:
    mapped = {rule["name"] for rule in yaml.safe_load((CLONE / "monitoring" / "statsd.yaml").read_text())["mappings"]}
    exported = set(re.findall(r'"(livedrops_[a-z_]+)"', (CLONE / "cli" / "exporter" / "sources.py").read_text()))
    made = mapped | exported | {f"{name}_total" for name in exported} | {"livedrops_source_up"}
    expressions = [alert.expression for alert in ALERTS] + [
        line.expression for board in BOARDS for panel in board.panels for line in panel.lines
    ]
    expressions += [
        rule["expr"] for text in rule_files(Pace()).values() for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
    ]
    expressions += [query for unit in SCALED for query in queries(unit).values()]
    asked = {name for text in expressions for name in re.findall(r"livedrops_[a-z_]+", text)}

    assert {name for name in asked if name not in made and re.sub("_(bucket|count|sum)$", "", name) not in made} == set()
