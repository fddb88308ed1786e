from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker.chat.chunks import few
from velocity_local.worker.chat.detokenize import Detokenizer


def _through(pieces: list[bytes]) -> str:
    detokenizer = Detokenizer()
    return "".join(detokenizer.feed(piece) for piece in pieces) + detokenizer.flush()


def test_a_character_cut_into_tokens_waits_until_it_is_whole() -> None:
    detokenizer = Detokenizer()
    shown = [detokenizer.feed(bytes((byte,))) for byte in "€".encode()]
    assert shown == ["", "", "€"]


def test_pending_says_that_bytes_wait() -> None:
    detokenizer = Detokenizer()
    detokenizer.feed("é".encode()[:1])
    assert detokenizer.is_pending
    detokenizer.feed("é".encode()[1:])
    assert not detokenizer.is_pending


def test_each_invalid_run_is_replaced_once() -> None:
    assert _through([b"a\xff", b"\xe2\x82", b"b", b"\xc3"]) == "a\ufffd\ufffdb\ufffd"


def test_flush_forgets_what_was_pending() -> None:
    detokenizer = Detokenizer()
    detokenizer.feed(b"\xf0\x9f")
    assert detokenizer.flush() == "\ufffd"
    assert detokenizer.feed(b"ok") == "ok"


@few
@given(st.lists(st.binary(max_size=6), max_size=12))
def test_any_cut_gives_the_text_of_the_whole(pieces: list[bytes]) -> None:
    assert _through(pieces) == b"".join(pieces).decode(errors="replace")
