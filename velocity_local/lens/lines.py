"""Newline-delimited JSON from bytes that arrive in any pieces. Knows nothing of what it means."""

from velocity_local.client.errors import ProtocolError

MAX_LINE_BYTES = 8 * 1024 * 1024


class LineParser:
    """Turns bytes into lines, empty ones left out; any split of the bytes gives the same lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        """The lines that `piece` completes.

        Raises:
            ProtocolError: if a line is longer than MAX_LINE_BYTES or is not UTF-8.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise ProtocolError(f"a line is longer than {MAX_LINE_BYTES} bytes")
        try:
            return [line.decode() for line in lines if line.strip()]
        except UnicodeDecodeError as error:
            raise ProtocolError(f"a line is not UTF-8 at byte {error.start}") from error
