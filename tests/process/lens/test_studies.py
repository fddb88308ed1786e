"""From a run to a gate and a search, as somebody would type it, on real daemons."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.cli.shell import Ran, Shell
from tests.support.daemon import RunningDaemon, running_daemon

pytestmark = pytest.mark.process
WORK = ("--model", "demo", "--requests", "24")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path_factory.mktemp("lens") / "home") as running:
        running.wait_ready()
        yield running


@pytest.fixture
def shell(daemon: RunningDaemon) -> Shell:
    return Shell(daemon.home)


def unless_void(shell: Shell, *arguments: str) -> Ran:
    """The command done; again if the machine was too busy for a run to count, and it said so."""
    for _ in range(3):
        ran = shell.run(*arguments)
        if "bottleneck" not in ran.err + ran.out:
            break
    assert ran.status == 0, ran.err
    return ran


def test_a_run_is_kept_gated_reported_and_in_the_trend(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    size = ("--prompt-tokens", "24", "--output-tokens", "8")
    unless_void(shell, "lens", "run", *WORK, *size, "--concurrency", "2", "--out", str(out))
    assert shell.run("lens", "baseline", "set", "main", str(out)).status == 0
    gate = ("lens", "gate", str(out), "--baseline", "main")
    passed = shell.run(*gate, "--rule", "ttft_ms <= +5%", "--rule", "error_share <= 0")
    assert passed.status == 0, passed.err
    assert shell.run(*gate, "--rule", "ttft_ms <= 0.001").status == 6
    report = tmp_path / "report.html"
    assert shell.run("lens", "report", "main", "--out", str(report)).status == 0
    assert "prefill_ms:p50" in report.read_text(encoding="utf-8")
    trend = shell.run("lens", "trend", "itl_ms:p50", "--json").document
    assert [point["model"] for point in trend["points"]] == ["demo"]


def test_a_daemon_asked_beside_itself_passes_its_own_gate(shell: Shell, tmp_path: Path) -> None:
    out, beside = tmp_path / "both.json", tmp_path / "beside.toml"
    beside.write_text('[target]\nmodel = "demo"\n')
    size = ("--prompt-tokens", "24", "--output-tokens", "8", "--beside", str(beside))
    ran = unless_void(shell, "lens", "run", *WORK, *size, "--out", str(out))
    assert "VERDICT" in ran.out
    assert shell.run("lens", "compare", str(out)).status == 0
    gate = ("lens", "gate", str(out))
    passed = shell.run(*gate, "--rule", "e2e_ms:p50 <= +100%", "--rule", "error_share <= 0")
    assert passed.status == 0, passed.err
    assert "asked in turns" in passed.err
    failed = shell.run(*gate, "--rule", "e2e_ms:p50 <= 0.001")
    assert failed.status == 6, failed.err


def test_a_search_has_daemons_of_its_own_and_leaves_nothing(
    shell: Shell, daemon: RunningDaemon
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("velocity-lens-*"))
    knob = ("--knob", "engine.n_seq_max=4", "--trials", "1", "--confirm", "1")
    ran = unless_void(shell, "lens", "optimize", *WORK, *knob, "--json")
    (trial,) = ran.document["trials"]
    assert trial["chosen"] == {"engine.n_seq_max": 4}
    assert trial["why_not"] is None or "is void" in trial["why_not"]
    assert set(Path(tempfile.gettempdir()).glob("velocity-lens-*")) <= before
    assert daemon.process.poll() is None
