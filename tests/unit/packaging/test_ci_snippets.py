"""The steps of each CI snippet, taken out of it and run by the shell its system runs them with."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from benchmarks.latencies import Server, run
from tests.shape.tree import ROOT
from velocity_local.lens import formats

CI = ROOT / "packaging" / "ci"
STEADY = Server(between_runs=0.0, drift=0.0)
RULES = "itl_ms:p50 <= +5%\n# a promise\nttft_ms:p50 <= 900\n"
INPUT = re.compile(r"\$\{\{ inputs\.([a-z]+) \}\}")


@dataclass(frozen=True)
class Step:
    """What a CI system would run: a shell with its arguments, a script, and its variables."""

    shell: tuple[str, ...]
    script: str
    environ: Mapping[str, str]

    def run(self, folder: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
        environ = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "VELOCITY_HOME": str(folder / "home"),
            "RUNNER_TEMP": str(folder),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_OUTPUT": str(folder / "outputs"),
            **self.environ,
            **changes,
        }
        script = folder / "step.sh"
        script.write_text(self.script, encoding="utf-8")
        command = [*self.shell, str(script)]
        return subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, check=False
        )


def github() -> Step:
    """As the runner starts `shell: bash`; inputs come as their defaults."""
    action: Any = yaml.safe_load((CI / "github" / "action.yml").read_text(encoding="utf-8"))
    defaults = {name: given.get("default", "") for name, given in action["inputs"].items()}
    (step,) = action["runs"]["steps"]
    environ = {
        name: INPUT.sub(lambda found: defaults[found[1]], value)
        for name, value in step["env"].items()
    }
    assert "${{" not in step["run"], "an input in a script is a way in"
    shell = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
    return Step(shell, step["run"], environ)


def gitlab() -> Step:
    template: Any = yaml.safe_load((CI / "gitlab" / "latency-gate.yml").read_text("utf-8"))
    job = template[".latency-gate"]
    assert job["artifacts"]["reports"]["junit"] == "latency-gate.xml"
    return Step(("sh", "-e"), "\n".join(job["script"]), job["variables"])


def jenkins() -> Step:
    text = (CI / "jenkins" / "Jenkinsfile").read_text(encoding="utf-8")
    (script,) = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
    environ = dict(re.findall(r"(LATENCY_\w+) = '(.*)'", text))
    return Step(("sh", "-xe"), script, environ)


SYSTEMS: dict[str, tuple[Callable[[], Step], dict[str, str]]] = {
    "github": (github, {"results": "RESULTS", "baseline": "BASELINE"}),
    "gitlab": (gitlab, {"results": "LATENCY_RESULTS", "baseline": "LATENCY_BASELINE"}),
    "jenkins": (jenkins, {"results": "LATENCY_RESULTS", "baseline": "LATENCY_BASELINE"}),
}
EACH = pytest.mark.parametrize("system", SYSTEMS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job's folder, with results of three builds and the command on the PATH."""
    command = tmp_path / "bin" / "velocity-local"
    command.parent.mkdir()
    python = shlex.quote(sys.executable)
    command.write_text(f'#!/bin/sh\nexec {python} -P -m velocity_local.cli.main "$@"\n', "utf-8")
    command.chmod(0o755)
    builds = {"base": run(1, STEADY), "same": run(2, STEADY)}
    builds["slower one"] = run(3, replace(STEADY, slowdown=1.25))
    for name, made in builds.items():
        formats.write(tmp_path / f"{name}.json", formats.result_file([made]))
    (tmp_path / "gate.rules").write_text(RULES, encoding="utf-8")
    return tmp_path


def variables(system: str, results: str, baseline: str) -> dict[str, str]:
    names = SYSTEMS[system][1]
    rules = {"RULES": RULES} if system == "github" else {"LATENCY_RULES_FILE": "gate.rules"}
    return {names["results"]: results, names["baseline"]: baseline, **rules}


@EACH
def test_the_same_build_passes(system: str, folder: Path) -> None:
    done = SYSTEMS[system][0]().run(folder, **variables(system, "same.json", "base.json"))
    assert done.returncode == 0, done.stderr
    suite = ET.parse(folder / "latency-gate.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("3", "0")


@EACH
def test_a_slower_build_fails_the_job_and_leaves_its_report(system: str, folder: Path) -> None:
    done = SYSTEMS[system][0]().run(folder, **variables(system, "slower one.json", "base.json"))
    assert done.returncode == 6, done.stderr
    assert "FAILED   itl_ms:p50 <= +5%" in done.stdout
    assert ET.parse(folder / "latency-gate.xml").getroot().find(".//failure") is not None
    report = folder / ("summary.md" if system == "github" else "latency-gate.md")
    assert report.read_text(encoding="utf-8").startswith("## Latency gate: failed")


@EACH
def test_results_that_are_missing_fail_the_job_as_an_error(system: str, folder: Path) -> None:
    done = SYSTEMS[system][0]().run(folder, **variables(system, "none.json", "base.json"))
    assert done.returncode == 4
    assert "cannot read none.json" in done.stderr


@pytest.mark.parametrize(
    ("results", "outcome"),
    [("same.json", "passed"), ("slower one.json", "failed"), ("none.json", "error")],
)
def test_githubs_action_tells_its_outcome(folder: Path, results: str, outcome: str) -> None:
    github().run(folder, **variables("github", results, "base.json"))
    assert (folder / "outputs").read_text(encoding="utf-8") == f"outcome={outcome}\n"


@EACH
def test_an_input_is_never_run(system: str, folder: Path) -> None:
    hostile = "x; touch owned; $(touch owned) `touch owned` \"'"
    SYSTEMS[system][0]().run(folder, **variables(system, hostile, hostile))
    assert not (folder / "owned").exists()


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_strictness_is_passed_on(system: str, folder: Path) -> None:
    name = "STRICT" if system == "github" else "LATENCY_STRICT"
    rules = "ttft_ms:p50 <= 900\nqueue_ms:p50 <= 5\n"
    (folder / "gate.rules").write_text(rules, encoding="utf-8")
    given = variables(system, "same.json", "base.json") | {name: "true"}
    if system == "github":
        given["RULES"] = rules
    assert SYSTEMS[system][0]().run(folder, **given).returncode == 6
    assert SYSTEMS[system][0]().run(folder, **(given | {name: "false"})).returncode == 0
