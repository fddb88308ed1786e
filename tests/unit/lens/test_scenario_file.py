"""Scenarios from files: three formats, the environment, and errors with their place."""

from pathlib import Path

import pytest

from velocity_local.lens.errors import BadScenario
from velocity_local.lens.loads import Concurrency, Poisson
from velocity_local.lens.results import CacheState
from velocity_local.lens.scenario_file import Document, read
from velocity_local.lens.scenarios import Scenario, Synthetic

TOML = """\
name = "chat"
cache = "prefix_shared"

[target]
provider = "openai_compatible"
url = "http://${HOST:-127.0.0.1}:8000/v1"
model = "${MODEL}"

[workload]
kind = "synthetic"
prompt_tokens = 64

[load]
kind = "concurrency"
streams = 8
requests = 100
"""
YAML = """\
name: chat
cache: prefix_shared
target:
  provider: openai_compatible
  url: "http://${HOST:-127.0.0.1}:8000/v1"
  model: ${MODEL}
workload:
  kind: synthetic
  prompt_tokens: 64
load:
  kind: concurrency
  streams: 8
  requests: 100
"""
JSON = """\
{
  "name": "chat",
  "cache": "prefix_shared",
  "target": {
    "provider": "openai_compatible",
    "url": "http://${HOST:-127.0.0.1}:8000/v1",
    "model": "${MODEL}"
  },
  "workload": {"kind": "synthetic", "prompt_tokens": 64},
  "load": {
    "kind": "concurrency",
    "streams": 8,
    "requests": 100
  }
}
"""
FORMATS = {"toml": TOML, "yaml": YAML, "json": JSON}
EACH = pytest.mark.parametrize("suffix", FORMATS)
ENVIRON = {"MODEL": "tiny"}


def written(folder: Path, text: str, suffix: str) -> Path:
    path = folder / f"scenario.{suffix}"
    path.write_text(text)
    return path


@EACH
def test_a_scenario_is_read(tmp_path: Path, suffix: str) -> None:
    scenario = read(written(tmp_path, FORMATS[suffix], suffix), ENVIRON).scenario()
    assert scenario.target.url == "http://127.0.0.1:8000/v1"
    assert scenario.target.model == "tiny"
    assert scenario.load == Concurrency(streams=8, requests=100)
    assert scenario.workload == Synthetic(prompt_tokens=64)
    assert scenario.cache is CacheState.PREFIX_SHARED


def test_nothing_given_is_a_scenario() -> None:
    assert Document().scenario() == Scenario()


LINES = {"toml": 15, "yaml": 12, "json": 12}


@EACH
def test_a_wrong_value_has_file_line_and_key(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, FORMATS[suffix].replace("8\n", "0\n").replace("8,\n", "0,\n"), suffix)
    with pytest.raises(BadScenario) as caught:
        read(path, ENVIRON).scenario()
    assert str(caught.value).startswith(f"{path}:{LINES[suffix]}: load.streams: ")


@EACH
def test_an_unknown_key_gets_the_nearest(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, FORMATS[suffix].replace("streams", "stream"), suffix)
    with pytest.raises(BadScenario, match=r"load\.stream: there is no such key; did you mean str"):
        read(path, ENVIRON).scenario()


@EACH
def test_a_variable_that_is_not_set_is_named(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, FORMATS[suffix], suffix)
    with pytest.raises(BadScenario, match=r":\d+: target\.model: .*MODEL is not set"):
        read(path, {})


def test_a_variable_may_be_a_number_and_dollars_can_be_written(tmp_path: Path) -> None:
    text = 'name = "$${X}"\n[load]\nkind = "poisson"\nrate_per_s = "${RATE}"\n'
    scenario = read(written(tmp_path, text, "toml"), {"RATE": "2.5"}).scenario()
    assert scenario.load == Poisson(rate_per_s=2.5)
    assert scenario.name == "${X}"


BROKEN = [
    ("toml", "name = \n", "line 1"),
    ("yaml", "name: [1\n", "2"),
    ("json", '{"name": }', ":1: "),
    ("yaml", "- 1\n", "no keys"),
    ("json", "[" * 50_000, "too deeply|:1: "),
    ("ini", "x", "ends in"),
    ("yaml", "x: !!python/object/apply:os.system ['true']", "could not determine"),
]


@pytest.mark.parametrize(("suffix", "text", "message"), BROKEN)
def test_a_broken_file_says_where(tmp_path: Path, suffix: str, text: str, message: str) -> None:
    path = written(tmp_path, text, suffix)
    with pytest.raises(BadScenario, match=message) as caught:
        read(path, {}).scenario()
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match="cannot read"):
        read(tmp_path / "none.toml", {})


def test_flags_win_over_the_file_and_are_named_when_wrong(tmp_path: Path) -> None:
    document = read(written(tmp_path, TOML, "toml"), ENVIRON)
    given = {"load.streams": ("--concurrency", 3), "target.model": ("--model", None)}
    scenario = document.with_flags(given).scenario()
    assert scenario.load == Concurrency(streams=3, requests=100)
    assert scenario.target.model == "tiny"
    with pytest.raises(BadScenario, match=r"^--concurrency \(load\.streams\): "):
        document.with_flags({"load.streams": ("--concurrency", 0)}).scenario()
