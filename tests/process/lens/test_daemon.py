"""The lens against a real daemon with the demo model."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.cli.shell import Shell
from tests.support.daemon import RunningDaemon, running_daemon
from velocity_local.lens import Concurrency, Lens, Scenario, Synthetic, Target
from velocity_local.lens.results import CacheState, CountSource, ItlKind, RunResult

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path_factory.mktemp("lens") / "home") as running:
        running.wait_ready()
        yield running


@pytest.fixture
def shell(daemon: RunningDaemon) -> Shell:
    return Shell(daemon.home)


def measured(daemon: RunningDaemon, **more: object) -> RunResult:
    fields: dict[str, object] = {
        "workload": Synthetic(prompt_tokens=40, output_tokens=12),
        "load": Concurrency(streams=2, requests=6),
        **more,
    }
    return Lens(environ={"VELOCITY_HOME": str(daemon.home)}).run(Scenario(**fields))  # type: ignore[arg-type]  # by name


def test_tokens_are_counted_and_timed_by_the_daemon(daemon: RunningDaemon) -> None:
    result = measured(daemon)
    assert result.n_errors == {}
    assert result.itl_kind is ItlKind.TOKEN
    assert result.workload.startswith("synthetic: 40 tokens in, 12 out")
    for record in result.records:
        assert record.tokens is not None
        assert (record.tokens.source, record.tokens.output) == (CountSource.SERVER, 12)
        assert len(record.itl_ms) == 11
        assert record.server is not None
        assert record.server.prefill_ms is not None
    assert len({record.tokens.prompt for record in result.records if record.tokens}) == 1
    assert result.environment.server["model.fingerprint"]
    assert result.environment.machine["memory_gib"]


def test_warm_prompts_are_in_the_cache_and_cold_ones_are_not(daemon: RunningDaemon) -> None:
    shares = {}
    for state in (CacheState.COLD, CacheState.WARM, CacheState.PREFIX_SHARED):
        n_prompts = 2 if state is CacheState.WARM else None
        work = Synthetic(prompt_tokens=300, output_tokens=4, prompts=n_prompts)
        result = measured(daemon, workload=work, cache=state)
        assert not any(word in (result.void_reason or "") for word in ("cold", "warm", "prefix"))
        counts = [record.tokens for record in result.records if record.tokens is not None]
        shares[state] = sum(c.cached or 0 for c in counts) / sum(c.prompt or 0 for c in counts)
    assert shares[CacheState.COLD] < 0.3 < shares[CacheState.PREFIX_SHARED]
    assert shares[CacheState.WARM] > 0.7


def test_restored_prompts_survive_their_models_unloading(daemon: RunningDaemon) -> None:
    work = Synthetic(prompt_tokens=300, output_tokens=4, prompts=3)
    load = Concurrency(streams=1, requests=3)
    result = measured(
        daemon, workload=work, load=load, cache=CacheState.RESTORED, warmup_requests=0
    )
    assert (result.cache_state, result.n_errors) == (CacheState.RESTORED, {})
    assert "restored" not in (result.void_reason or "")
    for record in result.records:
        assert record.tokens is not None
        assert (record.tokens.cached or 0) > 250, "the model was unloaded, its cells were kept"


def test_the_same_greedy_prompts_have_the_same_digests(daemon: RunningDaemon) -> None:
    digests = []
    for _ in range(2):
        work = Synthetic(prompt_tokens=40, output_tokens=8, prompts=3)
        load = Concurrency(streams=1, requests=3)
        result = measured(daemon, workload=work, load=load, cache=CacheState.WARM)
        digests.append({record.prompt_id: record.output_digest for record in result.records})
    assert digests[0] == digests[1]
    assert len(digests[0]) == 3


def test_the_same_daemon_as_any_openai_server(daemon: RunningDaemon) -> None:
    target = Target(
        provider="openai_compatible", url=f"{daemon.base_url}/v1", model="demo", key_env="KEY"
    )
    lens = Lens(environ={"KEY": daemon.token, "VELOCITY_HOME": str(daemon.home / "elsewhere")})
    load = Concurrency(streams=2, requests=4)
    result = lens.run(Scenario(target=target, workload=Synthetic(output_tokens=6), load=load))
    assert (result.n_errors, result.itl_kind) == ({}, ItlKind.CHUNK)
    assert result.workload.startswith("synthetic: 128 tokens in")


def test_a_bench_has_a_row_for_each_test(shell: Shell) -> None:
    ran = shell.run(
        *("bench", "demo", "-p", "64", "-n", "8", "-d", "0,128", "-b", "1,2", "-r", "2", "--json")
    )
    assert ran.status == 0, ran.err
    points = ran.document["runs"][0]["engine"]
    assert [point["test"] for point in points] == [
        *("pp64", "pp64", "pp64 @ d128", "pp64 @ d128"),
        *("tg8", "tg8", "tg8 @ d128", "tg8 @ d128"),
    ]
    assert all(len(point["tokens_per_s"]) == 2 for point in points)
    assert all(min(point["tokens_per_s"]) > 0 for point in points)


def test_history_is_reported_and_replayed(shell: Shell, tmp_path: Path) -> None:
    measured_now = shell.run("run", "demo", "Hello", "--max-tokens", "4")
    assert measured_now.status == 0, measured_now.err
    seen = shell.run("lens", "passive", "--json")
    assert seen.status == 0, seen.err
    assert seen.document["runs"][0]["n_requests"] >= 1
    trace = tmp_path / "trace.jsonl"
    again = shell.run(
        *("lens", "replay", "--history", "1h", "--speed", "1000"),
        *("--save-trace", str(trace), "--requests", "3", "--json"),
    )
    assert again.document["runs"][0].get("n_errors", {}) == {}, again.err
    assert len(trace.read_text().splitlines()) >= 1


def test_ctrl_c_keeps_what_was_measured(shell: Shell, tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    running = shell.open(
        *("lens", "run", "--duration", "60", "--prompt-tokens", "20", "--output-tokens", "4"),
        *("--json", "--records", str(records)),
    )
    while not records.exists() or records.stat().st_size == 0:
        assert running.poll() is None, running.communicate()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    run = json.loads(out)["runs"][0]
    assert run["partial_reason"] == "interrupted"
    assert run["n_requests"] >= 1
    assert "PARTIAL" in err


def test_another_program_hears_what_happens_and_ends_the_run_by_leaving(shell: Shell) -> None:
    with shell.open(
        *("lens", "run", "--duration", "60", "--prompt-tokens", "20", "--output-tokens", "4"),
        "--events",
        stdin=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        events = [json.loads(running.stdout.readline())]
        while events[-1]["type"] != "Progress" or events[-1]["n_done"] == 0:
            events.append(json.loads(running.stdout.readline()))
        running.stdin.close()
        events += map(json.loads, running.stdout)
        assert running.wait(timeout=60) == 130
    assert [event["type"] for event in events[:2]] == ["Preparing", "Preparing"]
    result = events[-1]["result"]
    assert (events[-1]["type"], result["partial_reason"]) == ("Ended", "interrupted")
    kept = shell.run("lens", "list", "--limit", "1", "--json").document["runs"][0]
    assert (kept["id"], kept["n_requests"]) == (result["id"], result["n_requests"])
    assert kept["figures"]["ttft_ms:p50"]["value"] > 0
