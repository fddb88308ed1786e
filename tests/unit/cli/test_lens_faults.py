"""Servers that misbehave and disks that are full, as somebody at the command line sees them.

Each fault is a real one on a real socket. Nothing measured is lost, and the exit status is that of
docs/lens.md.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.chat_server import HELLO, STOP, TEXT, USAGE, serving
from tests.support.wire_server import (
    Close,
    Reset,
    Stall,
    Step,
    chunked_head,
    event,
    event_stream,
    json_answer,
)
from tests.unit.cli.terminal import Ran, cli
from velocity_local.config.paths import locate
from velocity_local.lens import formats
from velocity_local.lens.store.shelf import FILE_NAME

WRONG_KEY = json_answer('{"error":{"message":"bad key"}}', "401 Unauthorized")
LATER = json_answer('{"error":{"message":"slow down"}}', "429 Too Many", "Retry-After: 0.01")
SOON = json_answer('{"error":{"message":"slow down"}}', "429 Too Many")
LIE = USAGE.replace('"completion_tokens":2', '"completion_tokens":999')
HASTY = ("--set", "patience.first_byte_s=0.05", "--set", "patience.stall_s=0.05")
STUBBORN = ("--set", "retries.most=3", "--set", "retries.first_wait_s=0.01")


def measure(answers: Sequence[Sequence[Step]], home: Path, *more: str) -> Ran:
    """One run, each request with its answer; as many requests as there are answers."""
    with serving(lambda number: answers[min(number, len(answers) - 1)]) as served:
        return cli(
            *("lens", "run", "--provider", "openai_compatible", "--url", served.url),
            *("--model", "m", "--warmup", "0", "--requests", str(len(answers)), *more),
            environ={"VELOCITY_HOME": str(home), "KEY": "sk-wrong"},
        )


ALONE: list[tuple[str, list[Step], str, str]] = [
    ("a stall before a byte", [Stall()], "timeout_first_byte", "no byte within"),
    (
        "a stall half-way",
        [chunked_head(), event(TEXT % "x"), Stall()],
        "timeout_stall",
        "nothing more came",
    ),
    ("a reset", [chunked_head(), event(TEXT % "x"), Reset()], "reset", "reset"),
    ("closed half-way", [chunked_head(), event(TEXT % "x"), Close()], "half_closed", "closed"),
    ("garbage for events", event_stream(TEXT % "x", "{oops"), "bad_stream", "an event is not"),
    ("a wrong key", [WRONG_KEY], "http_status", "HTTP 401: bad key"),
    ("a rate limit", [SOON], "rate_limit", "HTTP 429: slow down"),
]


@pytest.mark.parametrize(("steps", "kind", "says"), [pytest.param(*x[1:], id=x[0]) for x in ALONE])
def test_a_run_of_nothing_but_faults_fails_and_says_why(
    tmp_path: Path, steps: list[Step], kind: str, says: str
) -> None:
    ran = measure([steps], tmp_path, *HASTY, "--key-env", "KEY")
    assert ran.status == 1, ran.err
    assert f"1 failed (1 {kind})" in ran.out
    assert says in ran.err
    assert "sk-wrong" not in ran.out + ran.err


def test_faults_among_answers_are_counted_and_the_rest_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    answers: list[Sequence[Step]] = [
        HELLO,
        [chunked_head(), event(TEXT % "x"), Reset()],
        HELLO,
        [WRONG_KEY],
    ]
    ran = measure(answers, tmp_path, "--out", str(out))
    assert ran.status == (1 if "VOID" in ran.err else 0), "half of it was answered"
    (run,) = formats.read(out).runs
    assert (run.n_requests, run.n_errors) == (4, {"reset": 1, "http_status": 1})
    assert "2 failed (1 http_status, 1 reset)" in ran.out


@pytest.mark.parametrize("refusal", [LATER, SOON], ids=["with Retry-After", "without"])
def test_a_rate_limit_is_waited_for_and_shown(tmp_path: Path, refusal: bytes) -> None:
    ran = measure([[refusal], [refusal], HELLO], tmp_path, *STUBBORN, "--requests", "1", "--json")
    (run,) = json.loads(ran.out)["runs"]
    assert (run["n_requests"], run["n_retries"], run.get("n_errors", {})) == (1, 2, {})


def test_a_server_that_lies_about_usage_is_not_believed(tmp_path: Path) -> None:
    lying = event_stream(TEXT % "Hel", TEXT % "lo", STOP, LIE, "[DONE]")
    ran = measure([lying], tmp_path, "--output-tokens", "4", "--json")
    (run,) = json.loads(ran.out)["runs"]
    assert run["records"][0]["tokens"] == {"source": "chunks", "prompt": 3, "output": 2}


def test_a_shelf_that_cannot_be_used_costs_no_figures(tmp_path: Path) -> None:
    (locate({"VELOCITY_HOME": str(tmp_path)}).data_dir / FILE_NAME).mkdir(parents=True)
    ran = measure([HELLO], tmp_path)
    assert ran.status == 1
    assert "time to first token" in ran.out
    assert "the run is not kept" in ran.err


def test_a_missing_variable_for_the_key_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    ran = measure([HELLO], tmp_path, "--key-env", "NO_SUCH_KEY")
    assert (ran.status, "NO_SUCH_KEY is not set" in ran.err) == (1, True), ran.err
