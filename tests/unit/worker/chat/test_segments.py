import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.chat.chunks import cut, few, made_of
from velocity_local.worker.chat.segments import ReasoningSplitter
from velocity_local.worker.chat.thinking import Block


def _split(pieces: list[str], *, starts_inside: bool = False) -> tuple[str, str]:
    splitter = ReasoningSplitter(starts_inside=starts_inside)
    parts = [*(splitter.feed(piece) for piece in pieces), splitter.flush()]
    return "".join(p.reasoning for p in parts), "".join(p.content for p in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<think>why</think>so", ("why", "so"), id="block"),
        pytest.param("\n<think>\n why \n</think>\n\nso\n", ("why", "so\n"), id="space at edges"),
        pytest.param("<think>\n\n</think>\n\nso", ("", "so"), id="empty block"),
        pytest.param("so it is", ("", "so it is"), id="no block"),
        pytest.param("  so", ("", "  so"), id="leading space of an answer"),
        pytest.param("a <think>b</think>", ("", "a <think>b</think>"), id="not at the beginning"),
        pytest.param("<thinker>", ("", "<thinker>"), id="another tag"),
        pytest.param("<thi", ("", "<thi"), id="tag never completed"),
        pytest.param("<think>why", ("why", ""), id="never closed"),
        pytest.param("<think>a</thin", ("a</thin", ""), id="closing tag cut off"),
        pytest.param("<think>a </b> c</think>d", ("a </b> c", "d"), id="other tags inside"),
    ],
)
def test_split(text: str, expected: tuple[str, str]) -> None:
    assert _split([text]) == expected


def test_a_prompt_may_leave_the_block_open() -> None:
    assert _split(["so I th", "ink</th", "ink>\nyes"], starts_inside=True) == ("so I think", "yes")


def test_bounds_tell_where_the_block_lies() -> None:
    splitter = ReasoningSplitter()
    splitter.feed(" <think>a</think> b")
    assert (splitter.reasoning_start, splitter.reasoning_end) == (1, 17)
    assert [splitter.is_reasoning(at) for at in (0, 1, 16, 17)] == [False, True, True, False]


def test_reasoning_streams_before_its_end_is_seen() -> None:
    splitter = ReasoningSplitter()
    assert splitter.feed("<think>first thou").reasoning == "first thou"


@few
@given(cut(made_of("<think>", "</think>", "</", "think>")), st.booleans())
def test_any_cut_gives_the_same_channels(
    given_text: tuple[str, list[str]], starts_inside: bool
) -> None:
    text, pieces = given_text
    whole = _split([text], starts_inside=starts_inside)
    assert _split(pieces, starts_inside=starts_inside) == whole
    assert _split(list(text), starts_inside=starts_inside) == whole


FRAMED = Block(("<think>",), ("</think>",), ("<response>", "</response>"))
SPOKEN = Block(
    ("Here is my thought process:", "Here's my thought process:"),
    ("Here is my response:", "Here's my response:"),
)
ENDED = Block(("Here are my steps:",), ("[BEGIN]",), ("", "[END]"))
BLOCKS = pytest.mark.parametrize("block", [FRAMED, SPOKEN, ENDED])


def _split_by(block: Block, pieces: list[str], *, starts_inside: bool = False) -> tuple[str, str]:
    splitter = ReasoningSplitter(block, starts_inside=starts_inside)
    parts = [*(splitter.feed(piece) for piece in pieces), splitter.flush()]
    assert splitter.held == 0
    return "".join(p.reasoning for p in parts), "".join(p.content for p in parts)


@pytest.mark.parametrize(
    ("block", "text", "expected"),
    [
        (FRAMED, "<think>why</think><response>\nso</response>", ("why", "so")),
        (FRAMED, "<response>so</response>", ("", "so")),
        (FRAMED, " so", ("", " so")),
        (FRAMED, "<think>why</think>so </response> it", ("why", "so </response> it")),
        (FRAMED, "<resp", ("", "<resp")),
        (FRAMED, "<think>why</think><response>so</resp", ("why", "so</resp")),
        (SPOKEN, "Here's my thought process:\nwhy\n\nHere is my response:\nso", ("why", "so")),
        (SPOKEN, "Here is my answer", ("", "Here is my answer")),
        (ENDED, "Here are my steps: why [BEGIN] so [END]", ("why", "so ")),
    ],
)
def test_other_families_blocks(block: Block, text: str, expected: tuple[str, str]) -> None:
    assert _split_by(block, [text]) == expected
    assert _split_by(block, list(text)) == expected


@BLOCKS
@pytest.mark.parametrize("starts_inside", [False, True])
def test_any_cut_gives_the_same_in_any_block(block: Block, starts_inside: bool) -> None:
    @few
    @given(cut(made_of(*block.markers, "Here ", "Here is my ", "</")))
    def gives_the_same(given_text: tuple[str, list[str]]) -> None:
        text, pieces = given_text
        whole = _split_by(block, [text], starts_inside=starts_inside)
        assert _split_by(block, pieces, starts_inside=starts_inside) == whole
        assert _split_by(block, list(text), starts_inside=starts_inside) == whole

    gives_the_same()


def test_a_block_knows_if_a_text_leaves_it_open() -> None:
    assert SPOKEN.is_left_open("<assistant>Here is my thought process:\n")
    assert not SPOKEN.is_left_open("<assistant>")
    assert SPOKEN.begins(" Here's my thought process: a")
    assert not SPOKEN.begins("Here's my thought process: a Here is my response: b")
    assert not SPOKEN.begins("b")
