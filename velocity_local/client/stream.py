"""Server-sent events from bytes that arrive in any pieces. Knows nothing of what they mean.

The format is WHATWG's (https://html.spec.whatwg.org/multipage/server-sent-events.html); only
`data` fields are kept, since the API sends no others.
"""

import re

from velocity_local.client.errors import ProtocolError

MAX_EVENT_BYTES = 8 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventParser:
    """Turns bytes into the data of events; any split of the bytes gives the same events."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._first = True

    def feed(self, piece: bytes) -> list[str]:
        """The events that `piece` completes.

        Raises:
            ProtocolError: if an event is longer than MAX_EVENT_BYTES or is not UTF-8.
        """
        self._rest += piece
        events = []
        for line in self._lines():
            event = self._take(line)
            if event is not None:
                events.append(event)
        if len(self._rest) + self._size > MAX_EVENT_BYTES:
            raise ProtocolError(f"an event is longer than {MAX_EVENT_BYTES} bytes")
        return events

    def _lines(self) -> list[bytes]:
        # A carriage return at the very end may be half of a line end: it waits for more.
        held = b"\r" if self._rest.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(self._rest.removesuffix(b"\r") if held else self._rest)
        self._rest = rest + held
        if lines and self._first:
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
            self._first = False
        return lines

    def _take(self, line: bytes) -> str | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
        return None

    def _dispatch(self) -> str | None:
        if not self._data:
            return None
        joined = b"\n".join(self._data)
        self._data = []
        self._size = 0
        try:
            return joined.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError(f"an event is not UTF-8 at byte {error.start}") from error
