import json

import msgspec
import pytest

from tests.support.script_server import ScriptServer
from tests.unit.cli.terminal import Ran, cli
from velocity_local.cli.tune import progress_line
from velocity_local.core.tuning import TunedValues, TuneStep
from velocity_local.wire.http.tuning import OptionItem, OptionList, TuningItem

STEPS = (
    TuneStep("n_threads", 4, 2, 0.71, 7, is_better=True),
    TuneStep("n_threads", 1, 2, 1.4, 2, is_better=False),
    TuneStep("flash_attention", False, None, None, 0, is_better=False, problem="no such kernel"),
)


def tuning(**changes: object) -> TuningItem:
    given = {
        "id": "tu_1",
        "model": "m",
        "state": "done",
        "doing": "n_threads 4, round 2",
        "share": 1.0,
        "steps": STEPS,
        "created_s": 1.0,
        "ended_s": 91.0,
        "values": TunedValues(n_threads=4, flash_attention=False),
        "cost": 0.7,
    } | changes
    return TuningItem(**given)  # type: ignore[arg-type] # fields by name


def ask(server: ScriptServer, answer: object, *arguments: str) -> Ran:
    server.reply("200 OK", msgspec.json.encode(answer), "Content-Type: application/json")
    return cli(*arguments, environ={"VELOCITY_HOST": server.url})


def test_what_was_found_is_the_data(server: ScriptServer) -> None:
    ran = ask(server, tuning(), "tune", "m")
    assert ran.status == 0
    assert ran.out.splitlines() == ["n_threads = 4", "flash_attention = off"]
    assert "0.70 of the time" in ran.err
    assert "1 min 30 s" in ran.err
    assert "show m --effective" in ran.err


def test_every_value_tried_is_told_as_it_ends(server: ScriptServer) -> None:
    lines = ask(server, tuning(), "tune", "m").err.splitlines()
    assert "n_threads 4: 0.71 of the time with 2 over 7 rounds, better" in lines[0]
    assert "n_threads 1: 1.40 of the time with 2 over 2 rounds, no clear gain" in lines[1]
    assert "flash_attention off: refused by the engine (no such kernel)" in lines[2]


def test_what_guessing_is_expected_to_give_is_told_as_such(server: ScriptServer) -> None:
    step = TuneStep("speculation", "copied text", "off", 0.59, 5, is_better=True)
    values = TunedValues(pass_ms=((1, 10.0), (8, 12.0)))
    ran = ask(server, tuning(values=values, cost=1.0, steps=(step,)), "tune", "m")
    assert ran.out == ""
    assert "guessing, copied text: 0.59 of the time without is expected" in ran.err
    assert "Guessing begins with what it was found to cost." in ran.err


def test_nothing_found_is_said(server: ScriptServer) -> None:
    ran = ask(server, tuning(values=TunedValues(), cost=1.0, steps=STEPS[1:]), "tune", "m")
    assert ran.out == ""
    assert "Nothing tried is clearly faster" in ran.err


def test_no_time_at_all_is_said_and_no_more(server: ScriptServer) -> None:
    nothing = tuning(values=TunedValues(), cost=1.0, steps=(), unmeasured=("n_threads",))
    ran = ask(server, nothing, "tune", "m")
    assert "Nothing" not in ran.err
    assert "No time was left for: n_threads" in ran.err


def test_what_was_not_measured_is_told(server: ScriptServer) -> None:
    ran = ask(server, tuning(fixed=("n_batch",), unmeasured=("flash_attention",)), "tune", "m")
    assert "because they are set: n_batch" in ran.err
    assert "No time was left for: flash_attention" in ran.err


def test_the_flags_are_what_is_asked(server: ScriptServer) -> None:
    ask(server, tuning(), "tune", "m", "--budget", "30", "--allow-quality")
    body = json.loads(server.requests[0][2])
    assert body == {"model": "m", "budget_s": 30.0, "allow_quality": True}


def test_a_measurement_that_failed_is_an_error(server: ScriptServer) -> None:
    ran = ask(server, tuning(state="failed", error="the measuring process ended"), "tune", "m")
    assert ran.status == 1
    assert "the measuring process ended" in ran.err


@pytest.mark.parametrize(
    ("share", "line"),
    [
        (0.0, "[------------------------]   0 %  n_threads 4, round 2"),
        (0.5, "[############------------]  50 %  n_threads 4, round 2"),
    ],
)
def test_the_bar_tells_share_and_doing(share: float, line: str) -> None:
    assert progress_line(tuning(state="running", share=share)) == line


OPTIONS = OptionList(
    "m",
    (
        OptionItem("n_threads", 4, "tuned", "engine.n_threads"),
        OptionItem("n_batch", 256, "file", "engine.n_batch"),
        OptionItem("flash_attention", None, "default", "engine.flash_attention"),
    ),
    tuned_s=1.0,
    tuned_cost=0.7,
)


def test_effective_tells_where_each_value_comes_from(server: ScriptServer) -> None:
    ran = ask(server, OPTIONS, "show", "m", "--effective")
    rows = [line.split() for line in ran.out.splitlines()[1:]]
    assert rows == [
        ["n_threads", "4", "tuned", "engine.n_threads"],
        ["n_batch", "256", "file", "engine.n_batch"],
        ["flash_attention", "automatic", "default", "engine.flash_attention"],
    ]
    assert "0.70 of the time before" in ran.err


def test_effective_of_a_model_that_was_not_measured_says_how(server: ScriptServer) -> None:
    ran = ask(server, msgspec.structs.replace(OPTIONS, tuned_s=None), "show", "m", "--effective")
    assert "velocity-local tune m" in ran.err


def test_effective_is_a_document_too(server: ScriptServer) -> None:
    ran = ask(server, OPTIONS, "show", "m", "--effective", "--json")
    assert json.loads(ran.out)["options"]["items"][1]["origin"] == "file"


def test_forgetting_asks_for_nothing_else(server: ScriptServer) -> None:
    ran = ask(server, OPTIONS, "tune", "m", "--forget")
    assert ran.status == 0
    assert server.requests[0][0].startswith("DELETE /api/v1/options/m")
