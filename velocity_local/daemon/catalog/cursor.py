"""Bounded reading of a hostile binary file, front to back. Knows nothing of GGUF's meaning."""

import re
import struct
from functools import cache
from typing import BinaryIO, NamedTuple

from velocity_local.core.unsound import UnsoundFile

CHUNK_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024 * 1024
MAX_STRING_BYTES = 16 * 1024 * 1024
_RUN = 256
_SHORT_BYTES = 128
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class GgufError(UnsoundFile):
    """The file is not a sound GGUF file."""


class _Strings(NamedTuple):
    """Patterns of one short string with its length before it, and of a run of `_RUN` such."""

    one: re.Pattern[bytes]
    run: re.Pattern[bytes]


@cache
def _short_strings() -> _Strings:
    """A vocabulary has some 300,000 strings: walked by `re`'s loop it takes half of Python's time.

    One alternative for each length, so that a string matches in one way only; the atomic group
    keeps the run from being remembered step by step.
    """
    one = b"|".join(
        re.escape(bytes([length])) + rb"\0{7}.{%d}" % length for length in range(_SHORT_BYTES)
    )
    run = b"(?>%s){%d}" % (one, _RUN)
    return _Strings(re.compile(one, re.DOTALL), re.compile(run, re.DOTALL))


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
        run, done = _short_strings().run, 0
        while done < count:
            match = run.match(self._window, self._at) if count - done >= _RUN else None
            if match is not None:
                self._at = match.end()
                done += _RUN
                continue
            wanted = min(_RUN, count - done)
            walked = self._walk(wanted, None)
            done += walked
            if walked < wanted:
                self.skip(self._length(MAX_STRING_BYTES))
                done += 1

    def strings(self, count: int) -> list[bytes]:
        """`count` strings, each with the eight bytes of its length before it."""
        one, run = _short_strings()
        found: list[bytes] = []
        while len(found) < count:
            wanted = min(_RUN, count - len(found))
            match = run.match(self._window, self._at) if wanted == _RUN else None
            if match is not None:
                found += one.findall(self._window, self._at, match.end())
                self._at = match.end()
                continue
            if self._walk(wanted, found) < wanted:
                text = self.string()
                found.append(_U64.pack(len(text)) + text)
        return found

    def _walk(self, count: int, found: list[bytes] | None) -> int:
        """Go over up to `count` strings that lie in the window as a whole; how many."""
        window, at, last = self._window, self._at, len(self._window) - _U64.size
        unpack = _U64.unpack_from
        done = 0
        while done < count and at <= last:
            after = at + _U64.size + unpack(window, at)[0]
            if after > last + _U64.size:
                break
            if found is not None:
                found.append(window[at:after])
            at = after
            done += 1
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
