"""A vocabulary's pieces, remembered: bytes of every token seen, and its text where it stands
alone.
"""

from collections.abc import Callable, Iterable

Pieces = Callable[[int], bytes]


def with_markers(piece: Pieces, piece_special: Pieces, markers: Iterable[str]) -> Pieces:
    """`piece`, but control tokens that are one of `markers` are written out."""
    shown = frozenset(marker.encode() for marker in markers)

    def marked(token: int) -> bytes:
        plain = piece(token)
        if plain:
            return plain
        special = piece_special(token)
        return special if special in shown else b""

    return marked


class PieceTable:
    """Looks a token up once. `text` is None for pieces that are not complete UTF-8.

    `control` are the texts of control tokens that are written out.
    """

    def __init__(self, piece: Pieces, *, control: Iterable[str] = ()) -> None:
        self.control = frozenset(control)
        self._piece = piece
        self._bytes: dict[int, bytes] = {}
        self._texts: dict[int, str | None] = {}

    def piece(self, token: int) -> bytes:
        known = self._bytes.get(token)
        if known is None:
            known = self._bytes[token] = self._piece(token)
        return known

    def text(self, token: int) -> str | None:
        try:
            return self._texts[token]
        except KeyError:
            text = self._texts[token] = _decode(self.piece(token))
            return text


def _decode(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None
