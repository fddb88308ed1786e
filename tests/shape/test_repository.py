import ast
import os
import re
import tomllib
from pathlib import Path

import pytest

from tests.shape.tree import ROOT, sources, tracked, where

# Written in two halves so that this file does not hold what it looks for.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org", "conda" + ".anaconda", "npmjs" + ".org"]
MACHINE_PATHS = ["/wo" + "rk/", "/ro" + "ot/", "/tmp" + "/w/", "C:" + "\\Users"]
SKIPS = {"skip", "skipif", "xfail", "importorskip"}
TEXT = {
    ".py",
    ".toml",
    ".md",
    ".lock",
    ".yml",
    ".yaml",
    ".sql",
    ".jinja",
    ".json",
    ".html",
    ".tcss",
    ".svg",
    "",
}


def texts() -> list[tuple[Path, str]]:
    return [
        (file, file.read_text(encoding="utf-8", errors="replace"))
        for file in tracked()
        if file.suffix in TEXT
    ]


@pytest.mark.parametrize("words", [REGISTRIES, MACHINE_PATHS], ids=["registries", "paths"])
def test_no_file_names_a_registry_or_a_path_of_one_machine(words: list[str]) -> None:
    found = [
        f"{where(file, number)} {word}"
        for file, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        for word in words
        if word in line
    ]
    assert found == []


def test_no_test_is_skipped() -> None:
    found = [
        f"{where(file, node.lineno)} {node.attr}"
        for file in sources("tests")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in SKIPS
    ]
    assert found == []


def test_every_suppressed_warning_says_why() -> None:
    bare = re.compile(r"#\s*(noqa|type: ignore)[^#\n]*$")
    reasoned = re.compile(r"(noqa: [A-Z0-9, ]*[A-Z]+[0-9]+|type: ignore\[[^\]]+\])\s+\S")
    found = [
        where(file, number)
        for file in sources("velocity_local", "tui", "packaging", "tests")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line) and not reasoned.search(line) and file != Path(__file__)
    ]
    assert found == []


def names(requirements: list[str]) -> set[str]:
    matches = [re.match(r"[A-Za-z0-9._-]+", text) for text in requirements]
    return {re.sub(r"[._-]+", "-", match[0]).lower() for match in matches if match}


def pinned(lock: str) -> set[str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))


def test_the_locks_hold_every_requirement_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert names(project["dependencies"]) <= pinned("requirements.lock")
    assert names(extras["engine-build"]) <= pinned("requirements.lock")
    assert names(extras["dev"]) <= pinned("requirements-dev.lock")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_entry_of_a_lock_has_a_version_and_a_hash(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_both_locks_agree_on_what_they_share() -> None:
    def versions(lock: str) -> set[tuple[str, str]]:
        text = (ROOT / lock).read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))

    main, dev = versions("requirements.lock"), versions("requirements-dev.lock")
    shared = {name for name, _ in main} & {name for name, _ in dev}
    assert {pin for pin in dev if pin[0] in shared} <= main


def test_the_gate_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
