"""The verbs that measure, against a server that answers as it is told."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_server import HELLO, Served, serving
from tests.support.wire_server import json_answer
from tests.unit.cli.terminal import Ran, cli
from velocity_local.lens import formats, targets
from velocity_local.lens.words import WordTexts, word_texts


def measure(served: Served, home: Path, *more: str, verb: str = "run") -> Ran:
    target = ("--provider", "openai_compatible", "--url", served.url, "--model", "m")
    return cli("lens", verb, *target, "--warmup", "0", *more, environ={"VELOCITY_HOME": str(home)})


def document(ran: Ran) -> Any:
    return json.loads(ran.out)


def test_a_run_shows_its_figures_and_is_kept(tmp_path: Path) -> None:
    with serving(lambda _: HELLO) as served:
        ran = measure(served, tmp_path, "--requests", "3", "--slo-ttft", "5000")
    assert ran.status == (1 if "VOID" in ran.err else 0), "a busy machine makes a run void"
    for part in ("time to first token", "P99", "3 in", "within SLO", "100.0%", "client"):
        assert part in ran.out
    assert "between chunks" in ran.err
    run_id = ran.out.split()[1]
    report = tmp_path / "report.json"
    environ = {"VELOCITY_HOME": str(tmp_path)}
    assert cli("lens", "report", run_id, "--out", str(report), environ=environ).status == 0
    assert formats.read(report).runs[0].n_requests == 3


def test_a_run_as_json_and_in_files(tmp_path: Path) -> None:
    out, records = tmp_path / "run.msgpack", tmp_path / "records.jsonl"
    with serving(lambda _: HELLO) as served:
        ran = measure(
            served,
            tmp_path,
            *("--concurrency", "2", "--requests", "4", "--json", "--no-save"),
            *("--out", str(out), "--records", str(records)),
        )
    found = document(ran)
    assert found["schema"] == "velocity-local/lens-results/1"
    assert len(found["runs"][0]["records"]) == 4
    assert formats.read(out).runs[0].load.concurrency == 2
    assert len(records.read_text().splitlines()) == 4


def test_runs_can_be_repeated(tmp_path: Path) -> None:
    with serving(lambda _: HELLO) as served:
        ran = measure(served, tmp_path, "--requests", "2", "--repeat", "3", "--json")
        wrong = measure(served, tmp_path, "--repeat", "0")
    runs = document(ran)["runs"]
    assert len({run["id"] for run in runs}) == 3
    assert len({run["series"] for run in runs}) == 1
    assert (wrong.status, "once at least" in wrong.err) == (2, True)


def test_a_results_file_that_cannot_be_written_costs_no_figures(tmp_path: Path) -> None:
    with serving(lambda _: HELLO) as served:
        ran = measure(served, tmp_path, "--requests", "2", "--out", str(tmp_path / "no" / "x.json"))
    assert ran.status == 1
    assert "time to first token" in ran.out
    assert "cannot write" in ran.err


def test_a_run_of_failures_says_why_and_fails(tmp_path: Path) -> None:
    refusal = json_answer('{"error":{"message":"no such model"}}', "404 Not Found")
    with serving(lambda _: [refusal]) as served:
        ran = measure(served, tmp_path, "--requests", "2")
    assert ran.status == 1
    assert "2 failed (2 http_status)" in ran.out
    assert "no such model" in ran.err


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as bound:  # a port that is taken and listened to by nobody
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        target = ("--provider", "openai_compatible", "--url", url, "--model", "m")
        environ = {"VELOCITY_HOME": str(tmp_path)}
        ran = cli("lens", "run", *target, "--requests", "2", environ=environ)
    assert ran.status == 3
    assert "2 connect" in ran.out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--concurrency", "0"), "--concurrency (load.streams)"),
        (("--concurrency", "1", "--rate", "1"), "not both"),
        (("--rate", "-1"), "--rate (load.rate_per_s)"),
        (("--set", "load"), "write KEY=VALUE"),
        (("--set", "lod.x=1"), "did you mean load"),
        (("--provider", "opena"), "did you mean openai"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    with serving(lambda _: HELLO) as served:
        ran = measure(served, tmp_path, *flags)
    assert ran.status == 2
    assert message in ran.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--workers", "0"), "how many clients"),
        (("--scheduler", "tcp://127.0.0.1:1"), "how many clients"),
        (("--workers", "2", "--records", "r.jsonl"), "workers keep histograms"),
    ],
)
def test_wrong_use_of_workers_is_told(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    with serving(lambda _: HELLO) as served:
        ran = measure(served, tmp_path, *flags)
    assert (ran.status, message in ran.err) == (2, True), ran.err


def test_workers_need_their_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with serving(lambda _: HELLO) as served:
        ran = measure(served, tmp_path, "--workers", "2")
    assert (ran.status, "velocity-local[distributed]" in ran.err) == (1, True), ran.err


def test_no_daemon_and_no_key_are_told(tmp_path: Path) -> None:
    environ = {"VELOCITY_HOME": str(tmp_path)}
    assert "velocity-local start" in cli("lens", "run", environ=environ).err
    ran = cli("lens", "run", "--provider", "anthropic", "--model", "m", environ=environ)
    assert (ran.status, "ANTHROPIC_API_KEY" in ran.err) == (1, True)


def test_a_sweep_has_a_row_for_each_load(tmp_path: Path) -> None:
    with serving(lambda _: HELLO) as served:
        ran = measure(served, tmp_path, "--loads", "1,2", "--requests", "4", "--json", verb="sweep")
    runs = document(ran)["runs"]
    assert [run["load"]["concurrency"] for run in runs] == [1, 2]
    assert len({run["series"] for run in runs}) == 1


def test_a_search_says_what_keeps_the_slo(tmp_path: Path) -> None:
    with serving(lambda _: HELLO) as served:
        flags = ("--search", "--slo-e2e", "0.000001", "--requests", "1")
        ran = measure(served, tmp_path, *flags, verb="sweep")
    assert "No load keeps the SLO" in ran.out


def test_a_trace_is_replayed(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text(
        '{"start_s":5,"prompt_tokens":9,"output_tokens":2}\n'
        '{"timestamp":5010,"input_length":4,"output_length":3}\n'
    )
    target = ("--provider", "openai_compatible", "--model", "m")
    with serving(lambda _: HELLO) as served:
        ran = cli(
            *("lens", "replay", str(trace), *target, "--url", served.url, "--json"),
            environ={"VELOCITY_HOME": str(tmp_path)},
        )
        asked = [body["max_tokens"] for body in served.bodies]
    records = document(ran)["runs"][0]["records"]
    assert [record["intended_start_s"] for record in records] == pytest.approx([0, 0.01])
    assert sorted(asked[-2:]) == [2, 3]  # type: ignore[type-var]  # JSON


@pytest.mark.parametrize(
    ("line", "message"),
    [("{}", ":1: give start_s"), ("[1]", ":1: "), ("", "holds no request")],
)
def test_a_broken_trace_says_where(tmp_path: Path, line: str, message: str) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text(line + "\n")
    ran = cli("lens", "replay", str(trace), environ={"VELOCITY_HOME": str(tmp_path)})
    assert ran.status == 2
    assert message in ran.err


def test_a_scenarios_file_is_run_and_flags_win(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    with serving(lambda _: HELLO) as served:
        path.write_text(
            "name: from the file\nwarmup_requests: 0\ntarget:\n  provider: openai_compatible\n"
            "  url: ${SERVER}\n  model: m\nload:\n  kind: concurrency\n  streams: 2\n"
            "  requests: 9\n"
        )
        environ = {"VELOCITY_HOME": str(tmp_path), "SERVER": served.url}
        ran = cli("lens", "run", str(path), "--requests", "4", "--json", environ=environ)
    run = document(ran)["runs"][0]
    assert (run["name"], run["n_requests"]) == ("from the file", 4)
    assert run["load"]["concurrency"] == 2


def test_a_scenario_is_validated_without_asking_anybody(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text('name = "chat"\n[load]\nkind = "poisson"\nrate_per_s = 2\n')
    assert cli("lens", "validate", str(path)).status == 0
    path.write_text('name = "chat"\n[load]\nkind = "poison"\n')
    ran = cli("lens", "validate", str(path))
    assert ran.status == 2
    assert f"{path}:3: load.kind" in ran.err


def test_a_scenario_with_prompts_that_are_not_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text('[workload]\nkind = "file"\npath = "none.jsonl"\n')
    assert "cannot read" in cli("lens", "validate", str(path)).err


def two(before: Served, after: Served, home: Path, *more: str) -> Ran:
    return measure(after, home, "--beside", before.url, *more)


def never_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, and whatever a client takes that has its server beside it."""
    monkeypatch.setattr("velocity_local.lens.execution.bottleneck", lambda *_: None)


def test_two_servers_asked_in_turns_are_compared_and_gated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "both.json"
    never_void(monkeypatch)
    with serving(lambda _: HELLO) as before, serving(lambda _: HELLO) as after:
        ran = two(before, after, tmp_path, "--requests", "12", "--out", str(out))
    assert (before.n_chats, after.n_chats) == (12, 12)
    assert ran.status == 0, ran.err
    assert "VERDICT" in ran.out
    runs = formats.read(out).runs
    assert [run.pairing.side.value for run in runs if run.pairing] == ["before", "after"]
    environ = {"VELOCITY_HOME": str(tmp_path)}
    compared = cli("lens", "compare", str(out), environ=environ)
    assert compared.status == 0, compared.err
    assert "asked in turns" in compared.err
    gated = cli("lens", "gate", str(out), "--rule", "e2e_ms:p50 <= +900%", environ=environ)
    assert gated.status == 0, gated.err
    assert " -> " in gated.out
    beside_itself = cli("lens", "gate", str(out), "--baseline", str(out), environ=environ)
    assert "one run on each side" in beside_itself.err
    assert cli("lens", "baseline", "set", "main", str(out), environ=environ).status == 0
    kept = cli("lens", "baseline", "list", "--json", environ=environ)
    assert document(kept)["baselines"][0]["run_ids"] == [runs[1].id], "the server as it is"


def test_servers_of_which_one_has_no_tokenizer_are_not_compared_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = word_texts(lambda text: len(text.split()))
    never_void(monkeypatch)
    with serving(lambda _: HELLO) as before, serving(lambda _: HELLO) as after:
        monkeypatch.setattr(
            targets, "texts_for", lambda it: exact if it.base_url == after.url else WordTexts()
        )
        ran = two(before, after, tmp_path, "--requests", "2")
    assert ran.status == 0, ran.err
    assert "VERDICT" not in ran.out
    assert "not compared: no condition is on both sides" in ran.err


def test_repeated_runs_in_turns_are_as_many_pairs(tmp_path: Path) -> None:
    with serving(lambda _: HELLO) as before, serving(lambda _: HELLO) as after:
        ran = two(before, after, tmp_path, "--requests", "2", "--repeat", "3", "--json")
    pairings = [run["pairing"]["id"] for run in document(ran)["runs"]]
    assert len(pairings) == 6
    assert len(set(pairings)) == 3


def test_the_server_beside_may_be_a_scenarios_target(tmp_path: Path) -> None:
    with serving(lambda _: HELLO) as before, serving(lambda _: HELLO) as after:
        file = tmp_path / "before.toml"
        file.write_text(
            f'[target]\nprovider = "openai_compatible"\nurl = "{before.url}"\nmodel = "old"\n'
        )
        ran = measure(after, tmp_path, "--beside", str(file), "--requests", "2", "--json")
    assert [run["model"] for run in document(ran)["runs"]] == ["old", "m"]
    assert {body["model"] for body in before.bodies} == {"old"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--workers", "2"), "--workers is for one server"),
        (("--records", "r.jsonl"), "--records is for one server"),
        (("--events",), "--events is for one server"),
        (("--rate", "5"), "iterations or concurrency"),
        (("--beside", "none.toml"), "none.toml"),
    ],
)
def test_wrong_use_of_beside_is_told(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    with serving(lambda _: HELLO) as served:
        ran = two(served, served, tmp_path, *flags)
    assert (ran.status, message in ran.err) == (2, True), ran.err
    assert served.n_chats == 0


def test_runs_made_apart_need_something_to_be_compared_with(tmp_path: Path) -> None:
    out = tmp_path / "one.json"
    with serving(lambda _: HELLO) as served:
        measure(served, tmp_path, "--requests", "2", "--out", str(out))
    ran = cli("lens", "compare", str(out), environ={"VELOCITY_HOME": str(tmp_path)})
    assert (ran.status, "holds no runs made in turns" in ran.err) == (2, True)
