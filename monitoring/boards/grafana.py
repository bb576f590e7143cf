"""The boards as Grafana's dashboards: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/"""

import json
from typing import Any

from monitoring.boards.panel import WINDOW, Board, Panel, Unit

_UNITS = {
    Unit.COUNT: "short",
    Unit.PER_SECOND: "reqps",
    Unit.SECONDS: "s",
    Unit.SHARE: "percentunit",
    Unit.BYTES: "bytes",
    Unit.STATE: "none",
}
_SOURCE = {"type": "prometheus", "uid": "${source}"}
# Grafana's grid is 24 wide: six figures in a row, two courses.
_FIGURE = {"w": 4, "h": 4}
_COURSE = {"w": 12, "h": 8}
_GRID_WIDTH = 24


def grafana_json(board: Board) -> str:
    document = {
        "uid": f"livedrops-{board.name}",
        "title": f"LiveDrops: {board.title}",
        "tags": ["livedrops"],
        "schemaVersion": 38,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]},
        "panels": _panels(board),
    }
    return json.dumps(document, indent=1) + "\n"


def _panels(board: Board) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    x = y = 0
    height = 0
    for number, panel in enumerate(board.panels, start=1):
        size = _FIGURE if panel.is_figure else _COURSE
        if x + size["w"] > _GRID_WIDTH or (height and height != size["h"]):
            x, y = 0, y + height
        height = size["h"]
        made.append(_panel(number, panel) | {"gridPos": {**size, "x": x, "y": y}})
        x += size["w"]
    return made


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bound is not None:
        # Grafana colours from a value on; ours is the last that is still good.
        steps.append({"color": "red", "value": panel.bound + 1e-9})
    defaults: dict[str, Any] = {"unit": _UNITS[panel.unit], "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.unit is Unit.STATE:
        defaults["mappings"] = [{"type": "value", "options": {"0": {"text": "up"}, "1": {"text": "away"}}}]
    if panel.bound is not None and not panel.is_figure:
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return {
        "id": number,
        "title": panel.title,
        "type": "stat" if panel.is_figure else "timeseries",
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": line.expression.replace(WINDOW, "$__rate_interval"),
                "legendFormat": line.legend,
            }
            for place, line in enumerate(panel.lines)
        ],
    }
