"""Markers in tokens of text, beside the same markers as control tokens."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.chat.chunks import cut, few, made_of
from tests.unit.worker.chat.test_pipeline import Run, Vocabulary
from tests.unit.worker.chat.test_tool_corpus import FAMILIES, FILES, SCENES, TOOLS
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.families import Family
from velocity_local.worker.chat.pieces import PieceTable
from velocity_local.worker.chat.pipeline import OutputPlan
from velocity_local.worker.chat.spelling import Spelling
from velocity_local.worker.chat.tools.dialects import DIALECTS

MARKERS = ("<|a|>", "[B]", "<|a|>b")


class MarkedVocabulary(Vocabulary):
    """Pieces as they are used; those that are one of the markers are control tokens."""

    def __init__(self, markers: tuple[str, ...]) -> None:
        super().__init__()
        self.table = PieceTable(self._piece, control=markers)

    def _piece(self, token: int) -> bytes:
        return self._pieces[token]


def markers_of(family: Family) -> tuple[str, ...]:
    dialect = DIALECTS[family.tools or ""]
    markers = (*framing(family.thinking).markers, *dialect.MARKERS)
    return tuple(dict.fromkeys(filter(None, markers)))


def spelled(text: str) -> list[str]:
    """The text in pieces of three characters, of which none is a marker."""
    return [text[at : at + 2] for at in range(0, len(text), 2)]


def in_tokens(text: str, markers: tuple[str, ...]) -> list[str]:
    """The text with its markers in one piece each."""
    pieces: list[str] = []
    while text:
        first = max((one for one in markers if text.startswith(one)), key=len, default=text[0])
        pieces.append(first)
        text = text[len(first) :]
    return pieces


def run(family: Family, *pieces: str, stops: tuple[str, ...] = ()) -> Run:
    plan = OutputPlan(
        lambda index: f"call_{index}",
        stops,
        splits_reasoning=True,
        dialect=DIALECTS[family.tools or ""],
        thinking=family.thinking,
        offers=TOOLS,
    )
    vocabulary = MarkedVocabulary(markers_of(family))
    return Run(vocabulary, plan).feed(vocabulary.tokens(*pieces)).finish()


@few
@given(cut(made_of(*MARKERS, "<|", "|>", "[", "B]", "a")), st.integers(0, 30))
def test_broken_text_has_no_marker_and_is_whole_again(
    given_text: tuple[str, list[str]], held: int
) -> None:
    text, pieces = given_text
    spelling = Spelling(MARKERS)
    n_breaks = sum(spelling.note(piece) for piece in pieces)
    assert spelling.n_pending == n_breaks
    broken = spelling.broken(text[:held]) + spelling.broken(text[held:])
    assert not any(marker in broken for marker in MARKERS)
    assert len(broken) == len(text) + n_breaks
    assert spelling.restored(broken) == text
    assert spelling.n_pending == 0


def test_a_control_token_stays_whole() -> None:
    spelling = Spelling(MARKERS)
    assert spelling.note("<|a") == 0
    assert spelling.note("<|a|>", is_marker=True) == 0
    assert spelling.note("|>") == 0
    assert spelling.broken("<|a<|a|>|>") == "<|a<|a|>|>"


# Their calls are read without their block as well, and then have no marker.
BARE = ("minimax", "qwen_coder", "seed")


def _is_framed(family: Family, entry: dict[str, str]) -> bool:
    markers = DIALECTS[family.tools or ""].MARKERS
    return family.tools not in BARE and any(marker in entry["single"] for marker in markers)


PAIRS = [(stem, FAMILIES[entry["family"]], entry) for stem, entry in sorted(FILES.items())]
ENTRIES = [pytest.param(family, entry, id=stem) for stem, family, entry in PAIRS]
FRAMED = [
    pytest.param(family, entry, id=stem)
    for stem, family, entry in PAIRS
    if _is_framed(family, entry)
]


@pytest.mark.parametrize(("family", "entry"), ENTRIES)
@pytest.mark.parametrize("kind", ["single", "parallel", "nested", "unicode", "after_text"])
def test_calls_in_control_tokens_are_calls(
    family: Family, entry: dict[str, str], kind: str
) -> None:
    if kind not in entry:
        kind = "single"
    shown = run(family, *in_tokens(entry[kind], markers_of(family))).shown
    assert [name for name, _ in shown.arguments] == [name for name, _ in SCENES[kind].calls]
    assert shown.text == SCENES[kind].content


@pytest.mark.parametrize(("family", "entry"), FRAMED)
def test_calls_spelled_in_text_are_text(family: Family, entry: dict[str, str]) -> None:
    quoted = run(family, "It says ", *spelled(entry["single"]))
    assert quoted.shown.calls == []
    assert quoted.shown.text == f"It says {entry['single']}"
    assert quoted.pipeline.reason("stop") == "stop"


@pytest.mark.parametrize(("family", "entry"), FRAMED)
def test_markers_spelled_in_arguments_are_text(family: Family, entry: dict[str, str]) -> None:
    markers = markers_of(family)
    # Gemma's mark around a text has a quote, which a text in JSON cannot.
    said = "".join(marker for marker in markers if '"' not in marker)
    before, after = entry["single"].split("Paris", 1)
    pieces = [*in_tokens(before, markers), *spelled(said), *in_tokens(after, markers)]
    [(name, arguments)] = run(family, *pieces).shown.arguments
    assert name == "get_weather"
    assert json.loads(arguments)["city"] == said


def test_a_stop_that_is_spelled_stops() -> None:
    family = FAMILIES["Mistral up to tokenizer version 7"]
    stopped = run(family, "a", *spelled("[TOOL_CALLS]"), "b", stops=("[TOOL_CALLS]",))
    assert stopped.shown.text == "a"
    assert stopped.pipeline.stop_text == "[TOOL_CALLS]"


def test_reasoning_tokens_are_counted_across_breaks() -> None:
    family = FAMILIES["Magistral, Ministral Reasoning"]
    read = run(family, "[THINK]", "a ", *spelled("[/THINK]"), " b", "[/THINK]", "c")
    assert read.shown.reasoning == "a [/THINK] b"
    assert read.shown.text == "c"
    assert read.pipeline.reasoning_tokens == 8
