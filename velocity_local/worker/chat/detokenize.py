"""Bytes to text, however characters are cut into tokens. Knows nothing of tokens' meaning."""

import codecs

_new_decoder = codecs.getincrementaldecoder("utf-8")


class Detokenizer:
    """Incremental UTF-8: an unfinished character waits, each invalid run becomes one U+FFFD."""

    def __init__(self) -> None:
        self._decoder = _new_decoder("replace")
        self.is_pending = False

    def feed(self, piece: bytes) -> str:
        text = self._decoder.decode(piece)
        self.is_pending = bool(self._decoder.getstate()[0])
        return text

    def flush(self) -> str:
        """The unfinished character, replaced; the decoder starts anew."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        self.is_pending = False
        return text
