"""Bounded reading of a hostile binary file, front to back. Knows nothing of GGUF's meaning."""

import re
import struct
from functools import cache
from typing import BinaryIO

from velocity_local.core.unsound import UnsoundFile

CHUNK_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024 * 1024
MAX_STRING_BYTES = 16 * 1024 * 1024
_LOOK_BYTES = 16 * 1024
_SHORT_BYTES = 128
_RUN = 512
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_U64_BYTES = 8


class GgufError(UnsoundFile):
    """The file is not a sound GGUF file."""


@cache
def _short_strings(count: int = 1) -> re.Pattern[bytes]:
    """`count` strings with their lengths before them: one alternative for each length below 128."""
    lengths = range(_SHORT_BYTES)
    one = b"|".join(re.escape(bytes([length])) + rb"\0{7}.{%d}" % length for length in lengths)
    return re.compile(one if count == 1 else b"(?>%b){%d}+" % (one, count), re.DOTALL)


class Cursor:
    """A position in a file of known size; holds one window of it, never a mapping.

    (A mapped file that somebody truncates kills its reader with SIGBUS.)
    """

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._window = b""
        self._start = 0
        self._at = 0
        self._fetched_bytes = 0
        self._string_count = 0

    @property
    def offset(self) -> int:
        return self._start + self._at

    @property
    def remaining(self) -> int:
        return self._size_bytes - self.offset

    def u32(self) -> int:
        at = self._claim(_U32.size)
        return int(_U32.unpack_from(self._window, at)[0])

    def u64(self) -> int:
        at = self._claim(_U64.size)
        return int(_U64.unpack_from(self._window, at)[0])

    def take(self, count: int) -> bytes:
        at = self._claim(count)
        return self._window[at : at + count]

    def string(self, *, at_most: int = MAX_STRING_BYTES) -> bytes:
        """A 64-bit length and that many bytes."""
        return self.take(self._length(at_most))

    def skip(self, count: int) -> None:
        """Move on without reading."""
        if count > self.remaining:
            raise GgufError(self.offset, f"{count} bytes announced, the file has {self.remaining}")
        self._at += count
        if self._at > len(self._window):
            self._start += self._at
            self._at = 0
            self._window = b""
            self._seek()

    def count_strings(self, count: int, *, at_most: int) -> None:
        """Raises GgufError if the arrays of the file have more than `at_most` strings in all."""
        self._string_count += count
        if self._string_count > at_most:
            raise GgufError(self.offset, f"{self._string_count} strings in all; at most {at_most}")

    def skip_strings(self, count: int) -> None:
        """Move past `count` strings; most of a header's bytes are skipped here."""
        while count:
            if count >= _RUN and self._skip_run():
                count -= _RUN
                continue
            count -= self._skip_in_window(min(count, _RUN))
            if count:
                self.skip(self._length(MAX_STRING_BYTES))
                count -= 1

    def strings(self, count: int) -> list[bytes]:
        """`count` strings, each with the eight bytes of its length before it."""
        found: list[bytes] = []
        while len(found) < count:
            some = self._find_short(count - len(found))
            if not some:
                text = self.string()
                some = [_U64.pack(len(text)) + text]
            found += some
        return found

    def _find_short(self, count: int) -> list[bytes]:
        """Up to `count` short strings that follow each other here, and move past them.

        `re` finds them faster than Python walks, but would find others behind a long one: what it
        found has to be what is here.
        """
        window, at = self._window, self._at
        found = _short_strings().findall(window, at, at + _LOOK_BYTES)[:count]
        here = b"".join(found)
        if not window.startswith(here, at):
            return []
        self._at = at + len(here)
        return found

    def _skip_run(self) -> bool:
        """Move past `_RUN` strings if all of them are short and in the window."""
        found = _short_strings(_RUN).match(self._window, self._at)
        if found is None:
            return False
        self._at = found.end()
        return True

    def _skip_in_window(self, count: int) -> int:
        """Move past up to `count` strings that lie in the window as a whole; how many."""
        window, at, unpack = self._window, self._at, _U64.unpack_from
        before, done = at, 0
        try:
            for done in range(1, count + 1):  # noqa: B007 - how far it came is the answer
                after = at + _U64_BYTES + unpack(window, at)[0]
                before, at = at, after
        except (struct.error, OverflowError):  # behind the window's end
            done -= 1
        if at > len(window):
            at, done = before, done - 1
        self._at = at
        return done

    def _length(self, at_most: int) -> int:
        offset = self.offset
        length = self.u64()
        if length > at_most:
            raise GgufError(offset, f"string of {length} bytes; at most {at_most}")
        return length

    def _claim(self, count: int) -> int:
        """Make `count` bytes available, move past them, and tell where they begin."""
        if self._at + count > len(self._window):
            self._fill(count)
        at = self._at
        self._at += count
        return at

    def _fill(self, count: int) -> None:
        if count > self.remaining:
            raise GgufError(
                self.offset, f"the file ends here; {count} bytes wanted, {self.remaining} left"
            )
        kept = self._window[self._at :]
        fresh = self._read(max(CHUNK_BYTES, count - len(kept)))
        self._start += self._at
        self._at = 0
        self._window = kept + fresh
        if len(self._window) < count:
            raise GgufError(self.offset, "the file became shorter while it was read")

    def _read(self, count: int) -> bytes:
        self._fetched_bytes += count
        if self._fetched_bytes > MAX_HEADER_BYTES:
            raise GgufError(self.offset, f"header of more than {MAX_HEADER_BYTES} bytes")
        try:
            return self._file.read(count)
        except OSError as error:
            raise GgufError(self.offset, f"cannot be read: {error.strerror}") from error

    def _seek(self) -> None:
        try:
            self._file.seek(self._start)
        except OSError as error:
            raise GgufError(self.offset, f"cannot be read: {error.strerror}") from error
