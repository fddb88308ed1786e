import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.chat.chunks import cut, few, made_of
from velocity_local.worker.chat.stops import StopScanner


def _scan(pieces: list[str], *stops: str) -> tuple[str, str | None]:
    scanner = StopScanner(stops)
    shown = "".join(scanner.feed(piece) for piece in pieces)
    return shown + scanner.flush(), scanner.matched


def _by_hand(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """Read character by character; the longest stop that ends first."""
    for end in range(1, len(text) + 1):
        found = [stop for stop in stops if stop and text[:end].endswith(stop)]
        if found:
            longest = max(found, key=len)
            return text[: end - len(longest)], longest
    return text, None


@pytest.mark.parametrize(
    ("pieces", "stops", "expected"),
    [
        pytest.param(["ab", "cd"], ("bc",), ("a", "bc"), id="across pieces"),
        pytest.param(["abcd"], ("bcx",), ("abcd", None), id="beginning only"),
        pytest.param(["abc"], ("abc", "bc"), ("", "abc"), id="same end, longest wins"),
        pytest.param(["abcd"], ("abcd", "bc"), ("a", "bc"), id="first to complete wins"),
        pytest.param(["aab"], ("ab",), ("a", "ab"), id="overlapping beginnings"),
        pytest.param(["text"], ("",), ("text", None), id="empty stop is none"),
    ],
)
def test_stop(pieces: list[str], stops: tuple[str, ...], expected: tuple[str, str | None]) -> None:
    assert _scan(pieces, *stops) == expected


def test_text_that_may_begin_a_stop_waits() -> None:
    scanner = StopScanner(("\n\nUser:",))
    assert scanner.feed("done\n") == "done"
    assert scanner.held == 1
    assert scanner.feed("x") == "\nx"


def test_nothing_is_released_after_a_stop() -> None:
    scanner = StopScanner(("END",))
    assert scanner.feed("oneENDtwo") == "one"
    assert scanner.feed("three") + scanner.flush() == ""


@few
@given(cut(made_of("ab", "ba", "aba")), st.lists(made_of("ab", "b"), max_size=3))
def test_any_cut_stops_at_the_same_place(
    given_text: tuple[str, list[str]], stops: list[str]
) -> None:
    text, pieces = given_text
    assert _scan(pieces, *stops) == _by_hand(text, tuple(stops))


@few
@given(cut(made_of("ab", "aab")))
def test_held_and_shown_are_all_that_was_fed(given_text: tuple[str, list[str]]) -> None:
    scanner = StopScanner(("aabb", "ba<"))
    fed = shown = 0
    for piece in given_text[1]:
        fed += len(piece)
        shown += len(scanner.feed(piece))
        assert shown + scanner.held == fed
