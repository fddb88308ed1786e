"""lens optimize: what it refuses and shows. The daemon's speed is planted, all else is real."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from benchmarks.latencies import Server, run
from tests.unit.cli.terminal import Ran, cli
from velocity_local.cli.lens_optimize import TrialDaemon
from velocity_local.lens import formats
from velocity_local.lens.optimize.knobs import Value
from velocity_local.lens.optimize.search import Unusable
from velocity_local.lens.results import RunResult

STEADY = Server(between_runs=0.0, drift=0.0)
KNOB = ("--knob", "engine.n_threads=1,2,4", "--knob", "engine.kv_type=f16,q8_0")
SLOWDOWNS = {1: 1.6, 2: 1.0, 4: 0.7, None: 1.0}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Value]]:
    """Four threads are best; q8_0 does not start."""
    asked: list[Mapping[str, Value]] = []

    def measure(_: TrialDaemon, chosen: Mapping[str, Value], *, seed: int) -> RunResult:
        asked.append(chosen)
        if chosen.get("engine.kv_type") == "q8_0":
            raise Unusable("the model does not start")
        threads = chosen.get("engine.n_threads")
        assert threads is None or isinstance(threads, int)
        made = run(len(asked), replace(STEADY, slowdown=SLOWDOWNS[threads]), n_requests=60)
        return msgspec.structs.replace(made, id=f"run-{seed}-{len(asked)}")

    monkeypatch.setattr(TrialDaemon, "measure", measure)
    return asked


def optimize(tmp_path: Path, *arguments: str) -> Ran:
    environ = {"VELOCITY_HOME": str(tmp_path / "home")}
    return cli("lens", "optimize", *arguments, environ=environ)


def test_it_shows_what_was_gained_and_how_to_keep_it(
    planted: list[Mapping[str, Value]], tmp_path: Path
) -> None:
    ran = optimize(tmp_path, *KNOB, "--trials", "6", "--confirm", "2")
    assert ran.status == 0, ran.err
    assert ran.out.splitlines()[-2:] == [
        "velocity-local config set engine.n_threads 4",
        "velocity-local config set engine.kv_type f16",
    ]
    assert "engine.kv_type=q8_0: the model does not start" in ran.err
    assert [line.split()[-1] for line in ran.out.splitlines()[1:3]] == ["better", "better"]


def test_as_json_with_the_confirming_runs_in_a_file(
    planted: list[Mapping[str, Value]], tmp_path: Path
) -> None:
    out = tmp_path / "runs.msgpack"
    ran = optimize(tmp_path, *KNOB, "--confirm", "2", "--json", "--out", str(out))
    document = json.loads(ran.out)
    assert document["schema"] == "velocity-local/lens-optimize/1"
    assert document["best"]["chosen"] == {"engine.n_threads": 4, "engine.kv_type": "f16"}
    assert document["is_confirmed"] is True
    assert len(document["trials"]) == 6
    assert len(formats.read(out).runs) == 4


def test_nothing_better_is_said(planted: list[Mapping[str, Value]], tmp_path: Path) -> None:
    ran = optimize(tmp_path, "--knob", "engine.n_threads=1")
    assert (ran.status, ran.out) == (0, "")
    assert "No settings were better" in ran.err
    assert len(planted) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--goal", "speed"), "'speed' is no metric"),
        (("--knob", "engine.n_batch"), "is no knob"),
        (("--knob", "engine.gears=1,2"), "'engine.gears' is no setting"),
        (("--knob", "engine.n_batch=1", "--knob", "engine.n_batch=2"), "is given twice"),
        (("--trials", "0"), "at least one trial"),
        (("--confirm", "0"), "at least one trial"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    ran = optimize(tmp_path, *arguments)
    assert (ran.status, says in ran.err) == (2, True), ran.err


def test_another_server_has_no_settings_to_search(tmp_path: Path) -> None:
    scenario = tmp_path / "other.toml"
    scenario.write_text('[target]\nprovider = "openai"\nmodel = "x"\n', encoding="utf-8")
    ran = optimize(tmp_path, str(scenario))
    assert ran.status == 2
    assert "only this machine's own daemon" in ran.err
