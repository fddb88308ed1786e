"""Answers made to cost: whatever they are and however they are cut, the work grows with their
length and no faster. It is counted in characters, so that a busy machine changes nothing.
"""

import random
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings

from tests.unit.worker.chat import chunks
from tests.unit.worker.chat.counting import Work
from tests.unit.worker.chat.test_tool_corpus import FAMILIES, FILES, TOOLS, read
from tests.unit.worker.chat.test_tool_dialects import DIALECT, assembled, begun, opening
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.channels import ChannelForm, ChannelSplitter
from velocity_local.worker.chat.segments import ReasoningSplitter, Splitter
from velocity_local.worker.chat.tools import call_parser
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.chat.tools.parser import Dialect, Parsed

# Longer than all that is held at once, so that what is bounded shows itself as bounded; the real
# bound stands in the last test.
MAX_HELD_CHARS = 4096
N_CHARS = MAX_HELD_CHARS + 2000
MEGABYTE = 1 << 20
# A name's window is looked at again with every piece of it, and a header's.
MAX_LOOKS = 200

HOSTILE: dict[str, Callable[[Dialect], str]] = {
    "openings": opening,
    "an opening and space": lambda dialect: opening(dialect) + " " * N_CHARS,
    "a name without end": lambda dialect: opening(dialect) + "a" * N_CHARS,
    "nesting": lambda dialect: opening(dialect) + '{"a":[' * N_CHARS,
    "wrapped calls": lambda dialect: opening(dialect) + '{"function":' * N_CHARS,
    "keys without end": lambda dialect: opening(dialect) + '{"a": 1, ' * N_CHARS,
    "a text without end": lambda dialect: opening(dialect) + '{"a": "' + "b" * N_CHARS,
    "markers": lambda dialect: "".join((*dialect.MARKERS, opening(dialect))),
    "markers backwards": lambda dialect: "".join(reversed((*dialect.MARKERS, "{"))),
    "almost markers": lambda dialect: opening(dialect)[:-1] + "_",
    "beginnings of markers": lambda dialect: opening(dialect)[:2],
    "space": lambda _: " ",
    "space and text": lambda _: f"a{' ' * 2000}",
    "a call and nesting": lambda dialect: begun(dialect) + "[" * 9000 + "{" * N_CHARS,
    "a call and a long text": lambda dialect: begun(dialect) + "x\n< " * N_CHARS,
    "a call and escapes": lambda dialect: begun(dialect) + "\\" * N_CHARS,
    "a call and quotes": lambda dialect: begun(dialect) + "\"'" * N_CHARS,
    "a call and ends of tags": lambda dialect: begun(dialect) + "</>" * N_CHARS,
    "half calls": begun,
}


def long(text: str, size: int = N_CHARS) -> str:
    return (text * (size // len(text) + 1))[:size]


def cut(text: str, seed: str) -> Iterator[str]:
    """Pieces of one to seven characters."""
    chance = random.Random(seed)
    at = 0
    while at < len(text):
        size = chance.randint(1, 7)
        yield text[at : at + size]
        at += size


def looks(dialect: Dialect, pieces: Iterable[str]) -> tuple[int, list[Parsed]]:
    """The work of reading an answer, and what was read."""
    work = Work()
    with pytest.MonkeyPatch.context() as patch:
        work.watch(patch)
        parser = dialect.Parser(lambda index: f"call_{index}", TOOLS)
        parts = [parser.feed(work.text(piece)) for piece in pieces]
        return work.n_chars, [*parts, parser.finish()]


@DIALECT
@pytest.mark.parametrize("kind", HOSTILE)
def test_reading_calls_grows_with_the_text(
    dialect: Dialect, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_parser, "MAX_HELD_CHARS", MAX_HELD_CHARS)
    text = long(HOSTILE[kind](dialect))
    n_whole, whole = looks(dialect, [text])
    n_cut, pieces = looks(dialect, cut(text, kind))
    assert min(n_whole, n_cut) >= N_CHARS
    assert max(n_whole, n_cut) <= MAX_LOOKS * N_CHARS
    assert assembled(whole) == assembled(pieces)


FORMS = {family.name: framing(family.thinking) for family in FAMILIES.values()}


def _splitter(name: str) -> Splitter:
    form = FORMS[name]
    return ChannelSplitter(form) if isinstance(form, ChannelForm) else ReasoningSplitter(form)


MUCH: dict[str, Callable[[str], str]] = {
    "space": lambda _: " ",
    "space inside": lambda name: FORMS[name].open[0] + f"a{' ' * N_CHARS}",
    "space behind": lambda name: FORMS[name].open[0] + "a" + FORMS[name].close[0] + " " * N_CHARS,
    "openings": lambda name: FORMS[name].open[0],
    "almost openings": lambda name: FORMS[name].open[0][:-1],
    "ends": lambda name: FORMS[name].open[0] + FORMS[name].close[0] * N_CHARS,
    "almost ends": lambda name: FORMS[name].open[0] + FORMS[name].close[0][:-1] * N_CHARS,
    "blocks": lambda name: f"{FORMS[name].open[0]}a{FORMS[name].close[0]}",
    "markers": lambda name: "".join(FORMS[name].markers),
    "headers": lambda name: FORMS[name].markers[0] + "a" * 900,
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("kind", MUCH)
def test_telling_reasoning_grows_with_the_text(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = long(MUCH[kind](name))
    found = []
    for pieces in ([text], list(cut(text, kind))):
        work = Work()
        with monkeypatch.context() as patch:
            work.watch(patch)
            splitter = _splitter(name)
            parts = [splitter.feed(work.text(piece)) for piece in pieces]
            parts.append(splitter.flush())
        assert work.n_chars <= MAX_LOOKS * N_CHARS
        assert splitter.held == 0
        found.append(["".join(part) for part in zip(*parts, strict=True)])
    assert found[0] == found[1]


@pytest.mark.parametrize("stem", FILES)
def test_any_answer_of_any_family_reads_the_same_however_it_is_cut(stem: str) -> None:
    family = FAMILIES[FILES[stem]["family"]]
    form, dialect = framing(family.thinking), DIALECTS[family.tools or ""]
    halves = [half for kind in ("reasoning", "nested", "cut") for half in _halves(stem, kind)]
    marks = (*form.markers, *form.open, *form.close, *dialect.MARKERS, opening(dialect))

    @settings(derandomize=True, max_examples=20, deadline=None)
    @given(chunks.cut(chunks.made_of(*filter(None, marks), *halves, '{"', '"}', "\\", "</")))
    def reads_the_same(given_text: tuple[str, list[str]]) -> None:
        text, pieces = given_text
        assert read(family, pieces) == read(family, [text]) == read(family, list(text))

    reads_the_same()


def _halves(stem: str, kind: str) -> tuple[str, str]:
    text = FILES[stem].get(kind, "")
    return text[: len(text) // 2], text[len(text) // 2 :]


@pytest.mark.parametrize("kind", ["openings", "nesting", "space", "a call and quotes"])
@pytest.mark.parametrize("name", ["hermes", "minimax_m3", "pythonic", "harmony"])
def test_a_megabyte_in_one_piece(name: str, kind: str) -> None:
    text = long(HOSTILE[kind](DIALECTS[name]), MEGABYTE)
    n_chars, _ = looks(DIALECTS[name], [text])
    assert n_chars <= MAX_LOOKS * MEGABYTE


@pytest.mark.parametrize("kind", ["openings", "space", "a call and quotes"])
def test_a_megabyte_in_small_pieces(kind: str) -> None:
    text = long(HOSTILE[kind](DIALECTS["hermes"]), MEGABYTE)
    n_chars, _ = looks(DIALECTS["hermes"], cut(text, kind))
    assert n_chars <= MAX_LOOKS * MEGABYTE
