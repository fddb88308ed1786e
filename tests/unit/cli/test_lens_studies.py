"""The verbs about runs that were made: compare, gate, baseline, report and trend, on real files."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from benchmarks.latencies import Server, run
from tests.support.script_server import ScriptServer
from tests.unit.cli.terminal import Ran, cli
from velocity_local.lens import formats
from velocity_local.lens.results import CacheState, RunResult

STEADY = Server(between_runs=0.0, drift=0.0)
BASE, SAME = run(1, STEADY), run(2, STEADY)
SLOWER = run(3, replace(STEADY, slowdown=1.25))
RULES = ("--rule", "itl_ms:p50 <= +5%", "--rule", "ttft_ms <= 900")


class Bench:
    """A data folder, files of results, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> Ran:
        return cli(*arguments, environ={"VELOCITY_HOME": str(self.folder / "home")})

    def file(self, *runs: RunResult, name: str = "results.json") -> str:
        path = self.folder / name
        formats.write(path, formats.result_file(runs))
        return str(path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def base(bench: Bench) -> str:
    return bench.file(BASE, name="base.json")


def test_compare_says_what_changed(bench: Bench, base: str) -> None:
    ran = bench("lens", "compare", base, bench.file(SLOWER), "--metric", "itl_ms:p50")
    assert ran.status == 0
    (line,) = (line for line in ran.out.splitlines() if line.startswith("itl_ms:p50"))
    assert line.endswith("worse")
    assert "%" in line
    assert "one run on each side" in ran.err


def test_compare_as_json_and_markdown(bench: Bench, base: str, tmp_path: Path) -> None:
    out = tmp_path / "compare.md"
    ran = bench("lens", "compare", base, base, "--json", "--markdown", str(out))
    document = json.loads(ran.out)
    assert document["schema"] == "velocity-local/lens-compare/1"
    rows = document["comparison"]["sections"][0]["rows"]
    assert {row["verdict"] for row in rows} == {"not distinguishable"}
    assert "| `itl_ms:p50` |" in out.read_text(encoding="utf-8")


def test_runs_of_other_conditions_are_not_compared(bench: Bench, base: str) -> None:
    warm = msgspec.structs.replace(SAME, cache_state=CacheState.WARM)
    ran = bench("lens", "compare", base, bench.file(warm))
    assert ran.status == 1
    assert "no condition is on both sides" in ran.err


def test_a_gate_that_passes_is_0_and_one_that_fails_is_6(bench: Bench, base: str) -> None:
    passed = bench("lens", "gate", bench.file(SAME), "--baseline", base, *RULES)
    failed = bench("lens", "gate", bench.file(SLOWER), "--baseline", base, *RULES)
    assert (passed.status, failed.status) == (0, 6)
    assert "The gate passed." in passed.err
    assert failed.out.splitlines()[1].startswith("FAILED   itl_ms:p50 <= +5%")


def test_a_gate_writes_junit_markdown_and_json(bench: Bench, base: str, tmp_path: Path) -> None:
    xml, markdown = tmp_path / "gate.xml", tmp_path / "gate.md"
    outputs = ("--junit", str(xml), "--markdown", str(markdown), "--json")
    ran = bench("lens", "gate", bench.file(SLOWER), "--baseline", base, *RULES, *outputs)
    assert ran.status == 6
    assert ET.parse(xml).getroot().find("testsuite/testcase/failure") is not None
    assert markdown.read_text(encoding="utf-8").startswith("## Latency gate: failed")
    document = json.loads(ran.out)
    assert document["schema"] == "velocity-local/lens-gate/1"
    assert document["gate"]["is_passed"] is False


def test_rules_may_be_a_file(bench: Bench, tmp_path: Path) -> None:
    rules = tmp_path / "slo.rules"
    rules.write_text("# what we promised\nttft_ms:p50 <= 100\n", encoding="utf-8")
    assert bench("lens", "gate", bench.file(SAME), "--rules", str(rules)).status == 6
    rules.write_text("ttft_ms:p50 <= 1000\n", encoding="utf-8")
    assert bench("lens", "gate", bench.file(SAME), "--rules", str(rules)).status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "a change needs a baseline"),
        (("--rule", "ttft_ms < 5"), 2, "is no rule"),
        (("--rules", "none.rules"), 1, "cannot read the rules"),
        (("--baseline", "none"), 4, "'none' is no file, no kept run and no baseline"),
        (("--baseline", "none.json"), 4, "cannot read none.json"),
        (("--rule", "queue_ms <= 5"), 1, "no rule could be decided"),
        (("--rule", "ttft_ms <= 1", "--webhook", "ftp://x"), 2, "not one of http or https"),
        (("--rule", "ttft_ms <= 1", "--junit", "/none/x.xml"), 1, "cannot write /none/x.xml"),
    ],
)
def test_what_cannot_be_gated_is_an_error_and_no_pass(
    bench: Bench, arguments: tuple[str, ...], status: int, says: str
) -> None:
    ran = bench("lens", "gate", bench.file(SAME), *arguments)
    assert (ran.status, says in ran.err) == (status, True), ran.err


def test_a_failing_gate_tells_its_webhook(bench: Bench, server: ScriptServer) -> None:
    server.reply("200 OK", b"")
    hook = ("--rule", "ttft_ms <= 1", "--webhook", f"{server.url}/hook")
    assert bench("lens", "gate", bench.file(SAME), *hook).status == 6
    assert json.loads(server.requests[0][2])["is_passed"] is False


def test_a_webhook_that_refuses_does_not_change_the_outcome(
    bench: Bench, server: ScriptServer
) -> None:
    server.reply("500 Internal Server Error", b"")
    hook = ("--rule", "ttft_ms <= 1", "--webhook", server.url)
    ran = bench("lens", "gate", bench.file(SAME), *hook)
    assert ran.status == 6
    assert "warning: the webhook at 127.0.0.1 answered 500" in ran.err


def test_a_gate_that_passes_tells_nobody(bench: Bench, server: ScriptServer) -> None:
    hook = ("--rule", "ttft_ms <= 9000", "--webhook", server.url)
    assert bench("lens", "gate", bench.file(SAME), *hook).status == 0
    assert server.requests == []


def test_a_baseline_is_kept_and_held_against(bench: Bench, base: str) -> None:
    assert bench("lens", "baseline", "set", "main", base).status == 0
    listed = json.loads(bench("lens", "baseline", "list", "--json").out)
    assert listed["baselines"][0]["run_ids"] == ["run-1"]
    assert "run-1" in bench("lens", "baseline", "list").out
    gate = ("lens", "gate", bench.file(SLOWER), "--baseline", "main", *RULES)
    assert bench(*gate).status == 6
    assert bench("lens", "baseline", "delete", "main").status == 0
    assert bench(*gate).status == 4
    assert bench("lens", "compare", "run-1", "run-1").status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("set",), 2, "which baseline to set?"),
        (("set", "main"), 2, "which runs?"),
        (("delete",), 2, "which baseline to delete?"),
        (("delete", "none"), 4, "no baseline 'none'"),
        (("rename",), 2, "invalid choice"),
        (("list",), 0, "No baseline is kept."),
    ],
)
def test_what_is_missing_of_a_baseline_is_said(
    bench: Bench, arguments: tuple[str, ...], status: int, says: str
) -> None:
    ran = bench("lens", "baseline", *arguments)
    assert (ran.status, says in ran.err) == (status, True), ran.err


def test_a_void_run_is_no_baseline(bench: Bench) -> None:
    void = msgspec.structs.replace(BASE, void_reason="the client was slow")
    ran = bench("lens", "baseline", "set", "main", bench.file(void))
    assert ran.status == 1
    assert "is void (the client was slow)" in ran.err


def test_a_trend_shows_a_figure_over_time(bench: Bench) -> None:
    bench("lens", "baseline", "set", "a", bench.file(BASE, SAME, SLOWER))
    ran = bench("lens", "trend", "itl_ms:p50")
    assert [line.split()[2] for line in ran.out.splitlines()[1:]] == ["run-1", "run-2", "run-3"]
    assert "█" in ran.out
    document = json.loads(bench("lens", "trend", "itl_ms", "--limit", "2", "--json").out)
    assert [point["run_id"] for point in document["points"]] == ["run-2", "run-3"]
    assert "No kept run has" in bench("lens", "trend", "itl_ms", "--model", "x").err
    assert bench("lens", "trend", "speed").status == 2


def test_kept_runs_are_listed_and_forgotten(bench: Bench) -> None:
    void = msgspec.structs.replace(SLOWER, id="run-x", void_reason="busy")
    assert "No run is kept." in bench("lens", "list").err
    bench("lens", "baseline", "set", "a", bench.file(BASE, SAME))
    bench("lens", "baseline", "set", "a", bench.file(SAME))
    lines = bench("lens", "list").out.splitlines()[1:]
    assert [line.split()[2] for line in lines] == ["run-2", "run-1"]
    assert bench("lens", "delete", "run-1").status == 0
    assert "part of a baseline" in bench("lens", "delete", "run-2").err
    assert bench("lens", "delete", "run-1").status == 4
    document = json.loads(bench("lens", "list", "--json").out)
    assert [listed["id"] for listed in document["runs"]] == ["run-2"]
    assert bench("lens", "baseline", "set", "b", bench.file(void)).status == 1


@pytest.mark.parametrize("suffix", ["html", "json", "msgpack", "csv"])
def test_a_report_is_written_as_its_suffix_says(
    bench: Bench, base: str, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"report.{suffix}"
    ran = bench("lens", "report", base, "--out", str(out), "--json")
    assert json.loads(ran.out)["runs"] == ["run-1"]
    begins = {"html": b"<!doctype html>", "json": b'{"runs"', "msgpack": b"\x83", "csv": b"run_id,"}
    assert out.read_bytes().startswith(begins[suffix])


def test_a_report_of_unknown_form_or_place_is_refused(bench: Bench, base: str) -> None:
    assert bench("lens", "report", base, "--out", "report.pdf").status == 2
    assert bench("lens", "report", base, "--out", "/none/report.html").status == 1
    assert bench("lens", "report", base, "--out", "/none/report.csv").status == 1


def test_files_that_hold_no_results_are_named(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{}", encoding="utf-8")
    ran = bench("lens", "compare", str(path), str(path))
    assert ran.status == 1
    assert "broken.json holds no results of the lens" in ran.err
