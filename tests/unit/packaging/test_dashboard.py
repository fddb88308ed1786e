"""Every query of the dashboard asks for names and labels that the daemon exports."""

import json
import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.shape.tree import ROOT
from tests.unit.daemon.store.rows import row
from tests.unit.daemon.telemetry.test_metrics import STATUS, WORKER
from velocity_local.daemon.telemetry.metrics import Metrics

FOLDER = ROOT / "packaging" / "dashboards"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "velocity-local.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
NAME = re.compile(r"\bvelocity_\w+")
SELECTED = re.compile(r"(velocity_\w+)\{(\w+)=~")
GROUPED = re.compile(r"sum by \(([\w, ]+)\) \(rate\((velocity_\w+)")


def exported() -> dict[str, set[str]]:
    """Each sample's name with its labels, once a request of every kind has ended."""
    worker = msgspec.structs.replace(WORKER, rss_bytes=1000)
    status = msgspec.structs.replace(STATUS, workers=(worker,))
    counted = Metrics(release="1", is_known_model=lambda _: True, status=lambda: status)
    times = {"ttft_ms": 30.0, "queue_ms": 2.0, "prefill_ms": 2.0, "load_ms": 2.0, "total_ms": 9.0}
    tokens = {"prompt_tokens": 10, "cached_tokens": 4, "completion_tokens": 3, "resumes": 1}
    counted.observe(row("a", **times, **tokens), [10.0])
    counted.observe(row("b", status="error", error_code="queue_full", http_status=503), [])
    counted.observe(row("c", status="cancelled"), [])
    counted.observe_commit(0.004, 3)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(counted.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


EXPORTED = exported()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_what_is_exported(query: str) -> None:
    names = NAME.findall(query)
    assert names
    assert set(names) - set(EXPORTED) == set()
    for name, label in SELECTED.findall(query):
        assert label in EXPORTED[name]
    for labels, name in GROUPED.findall(query):
        assert set(labels.split(", ")) <= EXPORTED[name]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_its_brackets_closed(query: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert query.count(opening) == query.count(closing)


def test_legends_name_labels_that_their_query_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = {
                label
                for labels, _ in GROUPED.findall(target["expr"])
                for label in labels.split(", ")
            }
            kept |= {label for _, label in SELECTED.findall(target["expr"])}
            assert shown <= kept


def test_every_measure_of_latency_has_a_panel() -> None:
    measures = {name for name in EXPORTED if name.endswith("_seconds_bucket")}
    assert measures == {name for query in QUERIES for name in NAME.findall(query)} & measures


def test_the_model_variable_asks_for_a_label_that_is_exported() -> None:
    (query,) = [v["definition"] for v in DASHBOARD["templating"]["list"] if "definition" in v]
    found = re.fullmatch(r"label_values\((velocity_\w+), (\w+)\)", query)
    assert found is not None
    assert found[2] in EXPORTED[found[1]]


def test_panels_have_their_own_number_and_place() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert cells.isdisjoint(taken)
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_file_is_what_its_table_says() -> None:
    command = [sys.executable, str(FOLDER / "grafana.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
