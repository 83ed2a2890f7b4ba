#!/usr/bin/env python3
"""Writes dashboards/*.json from the lists in panels.py. With --check it only says whether they are up to date."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from panels import DASHBOARDS  # noqa: E402

FOLDER = pathlib.Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDE, ROWS = 24, {"stat": 4, "timeseries": 8, "table": 8}


def panel(number, kind, title, unit, queries, place, about):
    made = {
        "id": number,
        "type": kind,
        "title": title,
        "description": about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expr, "legendFormat": legend,
             "instant": kind != "timeseries", "range": kind == "timeseries"}
            for n, (expr, legend) in enumerate(queries)
        ],
    }
    if kind == "stat":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
        del made["fieldConfig"]["defaults"]["custom"]
    else:
        made["options"] = {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
                           "tooltip": {"mode": "multi", "sort": "desc"}}
    return made


def dashboard(uid, title, about, panels):
    x = y = tallest = 0
    placed = []
    for number, (kind, title_of, unit, queries, *rest) in enumerate(panels, start=1):
        width = rest[0] if rest else (4 if kind == "stat" else 12)
        if x + width > WIDE:
            x, y, tallest = 0, y + tallest, 0
        place = {"x": x, "y": y, "w": width, "h": ROWS[kind]}
        x, tallest = x + width, max(tallest, ROWS[kind])
        placed.append(panel(number, kind, title_of, unit, queries, place, rest[1] if len(rest) > 1 else ""))
    return {
        "uid": f"souk-{uid}", "title": title, "description": about, "tags": ["souk"], "timezone": "browser",
        "schemaVersion": 39, "version": 1, "editable": False, "graphTooltip": 1, "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"}, "templating": {"list": []}, "annotations": {"list": []},
        "links": [{"type": "dashboards", "title": "Souk", "tags": ["souk"], "asDropdown": True, "includeVars": True}],
        "panels": placed,
    }


def text(made):
    """One panel a line: a change of one is a change of one line."""
    head = {key: value for key, value in made.items() if key != "panels"}
    lines = ",\n".join("  " + json.dumps(each, ensure_ascii=False) for each in made["panels"])
    return json.dumps(head, ensure_ascii=False)[:-1] + ', "panels": [\n' + lines + "\n]}\n"


def main():
    wanted = {f"{uid}.json": text(dashboard(uid, *rest)) for uid, *rest in DASHBOARDS}
    there = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    if "--check" in sys.argv:
        stale = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        sys.exit(f"not as panels.py has it, run {__file__}: {', '.join(stale)}" if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for name in there.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content)


main()
