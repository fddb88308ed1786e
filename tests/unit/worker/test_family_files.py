from pathlib import Path

import pytest

from velocity_local.config.errors import ConfigError
from velocity_local.worker.chat.families import UNKNOWN, Family, family_of
from velocity_local.worker.chat.thinking import THINK, Block
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.family_files import read_families, shipped_families

FAMILIES = shipped_families()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_template_with_its_marks_is_of_the_family(family: Family) -> None:
    template = "{{ tools }} " + " ".join(family.marks)
    assert family_of(template, FAMILIES) == family


def test_every_dialect_has_a_family() -> None:
    assert {family.tools for family in FAMILIES if family.tools} == set(DIALECTS)


def test_names_are_unique() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("template", ["", "{{ messages }} {{ tools }}", "<tool_call> yaml"])
def test_a_template_of_no_family_is_unknown(template: str) -> None:
    assert family_of(template, FAMILIES) == UNKNOWN
    assert UNKNOWN.thinking == THINK


def test_more_marks_are_nearer() -> None:
    near, far = Family("near", ("a", "b")), Family("far", ("a",))
    assert family_of("a b", [far, near]) == near
    assert family_of("a b", [near, far]) == near
    assert family_of("a", [far, near]) == far


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(
        'name = "One"\nmarks = ["<a>"]\ntools = "hermes"\n'
        '[thinking]\nopen = ["<t>"]\nclose = ["</t>"]\nanswer = ["<r>", "</r>"]\n'
    )
    (family,) = read_families(tmp_path)
    block = Block(("<t>",), ("</t>",), ("<r>", "</r>"))
    assert family == Family("One", ("<a>",), (), "hermes", block)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = 1", "name"),
        ('name = "x"\nmarks = []\ntols = "hermes"', "tols"),
        ('name = "x"\nmarks = []\ntools = "morse"', "morse"),
        ('name = "x"\nmarks = []\nthinking = "aloud"', "thinking"),
        ("name = ", "bad.toml"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ConfigError, match=says) as refused:
        read_families(tmp_path)
    assert "bad.toml" in str(refused.value)
