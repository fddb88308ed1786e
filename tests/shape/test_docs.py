"""What the pages say is held against the code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shape.tree import ROOT
from velocity_local.cli.parser import HelpRequested, parse
from velocity_local.config import keys

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^\s*(?:\$ )?(?:[^|#\n]*\| )?velocity-local ([a-z].*)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
SETTING = re.compile(rf"`((?:{'|'.join(keys.SECTIONS)})\.[a-z_]+)`")
NAMED = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@NAMED
def test_every_command_in_a_page_can_be_typed(page: Path) -> None:
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = shlex.split(re.split(r"\s{3,}", line)[0])
        try:
            parse(words)
        except HelpRequested:
            continue


def test_the_readme_shows_commands_to_type() -> None:
    assert len(COMMAND.findall(PAGES[0].read_text(encoding="utf-8"))) >= 5


@NAMED
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@NAMED
def test_every_setting_named_in_a_page_exists(page: Path) -> None:
    named = set(SETTING.findall(page.read_text(encoding="utf-8")))
    assert named - set(keys.TYPES) == set()


def test_the_reference_pages_are_current() -> None:
    command = [sys.executable, str(ROOT / "packaging" / "reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_setting_says_what_it_does() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]*) \|", page, re.MULTILINE))
    assert [key for key in keys.TYPES if not rows.get(key, "").strip()] == []


def test_the_architecture_page_knows_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = [folder.name for folder in (ROOT / "velocity_local").iterdir()]
    shipped = [name for name in packages if not name.startswith("_")]
    assert [name for name in shipped if name not in page] == []


def test_the_readme_is_short_enough_to_read() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(
    "picture", sorted((ROOT / "docs" / "screens").glob("*.svg")), ids=lambda each: each.stem
)
def test_a_picture_loads_nothing_from_elsewhere(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    addresses = re.findall(r"https?://(?!www\.w3\.org/|127\.0\.0\.1)[^\s\"'<)]+", text)
    assert addresses == []
    assert "<script" not in text
