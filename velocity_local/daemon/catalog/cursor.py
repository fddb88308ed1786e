"""Bounded reading of a hostile binary file, front to back. Knows nothing of GGUF's meaning."""

import struct
from collections.abc import Callable
from typing import BinaryIO

CHUNK_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024 * 1024
MAX_STRING_BYTES = 16 * 1024 * 1024
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class GgufError(Exception):
    """The file is not a sound GGUF file: where, and why."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason


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
        offset = self.offset
        length = self.u64()
        if length > at_most:
            raise GgufError(offset, f"string of {length} bytes; at most {at_most}")
        return self.take(length)

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

    def skip_strings(self, count: int) -> None:
        """Move past `count` strings; most of a header's bytes are skipped here."""
        done = 0
        while done < count:
            done += self._walk(count - done, None)
            if done < count:
                self.string()
                done += 1

    def strings(self, count: int) -> list[bytes]:
        """`count` strings."""
        found: list[bytes] = []
        while len(found) < count:
            self._walk(count - len(found), found.append)
            if len(found) < count:
                found.append(self.string())
        return found

    def _walk(self, count: int, keep: Callable[[bytes], None] | None) -> int:
        """Go over up to `count` strings that lie in the window as a whole; how many."""
        window, at, end = self._window, self._at, len(self._window) - _U64.size
        unpack = _U64.unpack_from
        done = 0
        while done < count and at <= end:
            start = at + 8
            after = start + unpack(window, at)[0]
            if after > end + 8:
                break
            if keep is not None:
                keep(window[start:after])
            at = after
            done += 1
        self._at = at
        return done

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
