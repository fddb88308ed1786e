import pytest
from hypothesis import given

from tests.unit.worker.chat.chunks import cut, few, made_of
from velocity_local.worker.chat.channel_forms import FORMS, Harmony
from velocity_local.worker.chat.channels import ChannelSplitter

ANALYSIS = "<|channel|>analysis<|message|>Hm.<|end|>"
NEXT = "<|start|>assistant"
FINAL = "<|channel|>final<|message|>"
CALL = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>"


def split(pieces: list[str]) -> tuple[str, str]:
    splitter = ChannelSplitter(FORMS["harmony"])
    parts = [*(splitter.feed(piece) for piece in pieces), splitter.flush()]
    assert splitter.held == 0
    return "".join(part.reasoning for part in parts), "".join(part.content for part in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{FINAL}Yes.", ("", "Yes."), id="answer"),
        pytest.param(f"{ANALYSIS}{NEXT}{FINAL}Yes.", ("Hm.", "Yes."), id="reasoning first"),
        pytest.param(
            f"{ANALYSIS}{NEXT}{ANALYSIS}{NEXT}{FINAL}Yes.", ("Hm.\nHm.", "Yes."), id="twice"
        ),
        pytest.param(
            f"<|channel|>commentary<|message|>I look.<|end|>{NEXT}{CALL}{{}}<|call|>",
            ("", f"I look.{CALL}{{}}<|call|>"),
            id="preamble and call",
        ),
        pytest.param(
            " to=functions.f<|channel|>commentary json<|message|>{}<|call|>",
            ("", f"{CALL}{{}}<|call|>"),
            id="recipient before its channel",
        ),
        pytest.param(
            "<|channel|>analysis to=functions.f<|message|>{}<|call|>",
            ("", f"{CALL}{{}}<|call|>"),
            id="call in another channel",
        ),
        pytest.param("goes on.", ("", "goes on."), id="a message begun by the prompt"),
        pytest.param("<|channel|>analysis<|message|>Hm", ("Hm", ""), id="cut in reasoning"),
        pytest.param(f"{FINAL}Ye", ("", "Ye"), id="cut in the answer"),
        pytest.param(f"{ANALYSIS}{NEXT}<|chan", ("Hm.", ""), id="cut in a header"),
        pytest.param(f"{FINAL}a <| b", ("", "a <| b"), id="no marker"),
        pytest.param(
            f"<|channel|>{'x' * 2000}", ("", f"<|channel|>{'x' * 2000}"), id="a header without end"
        ),
    ],
)
def test_split(text: str, expected: tuple[str, str]) -> None:
    assert split([text]) == expected
    assert split(list(text)) == expected


@few
@given(cut(made_of(*Harmony.MARKERS, ANALYSIS, NEXT, FINAL, CALL, " to=", "analysis", "x" * 600)))
def test_any_cut_gives_the_same_channels(given_text: tuple[str, list[str]]) -> None:
    text, pieces = given_text
    whole = split([text])
    assert split(pieces) == whole
    assert split(list(text)) == whole


def test_reasoning_is_known_by_place() -> None:
    splitter = ChannelSplitter(FORMS["harmony"])
    splitter.feed(f"{ANALYSIS}{NEXT}{FINAL}Yes.")
    inside = [splitter.is_reasoning(at) for at in range(len(ANALYSIS) + 1)]
    assert inside == [*[True] * len(ANALYSIS), False]


def test_reasoning_streams() -> None:
    splitter = ChannelSplitter(FORMS["harmony"])
    assert splitter.feed("<|channel|>analysis<|message|>First").reasoning == "First"
