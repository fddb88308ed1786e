"""The only place that prints: data on standard output, notes and progress on standard error."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import msgspec

from velocity_local.cli.exits import CliError
from velocity_local.core.printable import printable

_DIM, _RED, _BOLD, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[1m", "\x1b[0m"
_ERASE_LINE = "\r\x1b[2K"
_ERASE_LINE_ABOVE = "\x1b[1A\x1b[2K"
_GAP = "  "


class OutputLost(CliError):
    """What was printed could not be written."""


class Output:
    """Standard output and standard error, with colour only where a person looks at them."""

    def __init__(self, out: TextIO, err: TextIO, *, colour: bool = True) -> None:
        self._out = out
        self._err = err
        self.out_is_terminal = out.isatty()
        self.err_is_terminal = err.isatty()
        self._colour_out = colour and self.out_is_terminal
        self._colour_err = colour and self.err_is_terminal
        self._n_moving = 0
        self.is_quiet = False

    def line(self, text: str = "") -> None:
        """A line of data."""
        self._write(text + "\n")

    def json(self, schema: str, **fields: object) -> None:
        """One JSON document; `schema` names its shape and version, as in "ps/1"."""
        document = {"schema": f"velocity-local/{schema}", **fields}
        data = msgspec.json.format(msgspec.json.encode(document), indent=2)
        self.line(data.decode())

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as their widest cell; the last one is not padded."""
        cells = [[printable(cell) for cell in row] for row in rows]
        widths = [
            max(len(row[column]) for row in (headers, *cells)) for column in range(len(headers))
        ]
        self.line(self._styled(_aligned(headers, widths), _BOLD))
        for row in cells:
            self.line(_aligned(row, widths))

    def fields(self, pairs: Mapping[str, str]) -> None:
        """Name and value on each line, values aligned; empty values are left out."""
        width = max((len(name) for name, value in pairs.items() if value), default=0)
        for name, value in pairs.items():
            if value:
                self.line(f"{name.ljust(width)}  {printable(value)}")

    def text(self, piece: str) -> None:
        """A piece of a model's text, as it comes. A terminal never sees its control codes."""
        self._write(printable(piece) if self.out_is_terminal else piece)

    def aside(self, piece: str) -> None:
        """A piece of a model's reasoning: shown dimmed to a person, left out of data."""
        if self.out_is_terminal:
            self._write(self._styled(printable(piece), _DIM))

    def note(self, text: str) -> None:
        """Something to know that is not the data; left out when asked to be quiet."""
        self.end_progress()
        if self.is_quiet:
            return
        print(text, file=self._err, flush=True)

    def error(self, message: str, next_step: str = "") -> None:
        self.end_progress()
        head = f"{_RED}error:{_PLAIN}" if self._colour_err else "error:"
        print(f"{head} {printable(message)}", file=self._err)
        if next_step:
            print(f"  try: {next_step}", file=self._err)
        self._err.flush()

    def progress(self, text: str) -> None:
        """Replace the moving lines, each cut to the terminal's width; elsewhere nothing moves."""
        if self.err_is_terminal and not self.is_quiet:
            width = shutil.get_terminal_size().columns - 1
            lines = [line[:width] for line in text.split("\n")]
            self._err.write(self._erasing() + "\n".join(lines))
            self._err.flush()
            self._n_moving = len(lines)

    def end_progress(self) -> None:
        if self._n_moving:
            self._err.write(self._erasing())
            self._err.flush()
            self._n_moving = 0

    def _erasing(self) -> str:
        """What takes the moving lines away."""
        return _ERASE_LINE + _ERASE_LINE_ABOVE * (self._n_moving - 1)

    def ask(self, prompt: str) -> str:
        """A line typed by a person; raises EOFError at the end of input. The prompt is no data."""
        if self.out_is_terminal:
            return input(prompt)
        if self.err_is_terminal:
            self._err.write(prompt)
            self._err.flush()
        return input()

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputLost(f"cannot write the output: {error.strerror}") from error

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._colour_out else text


def standard(*, no_colour: bool) -> Output:
    """Output to the process's own streams; characters they cannot show are escaped."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return Output(sys.stdout, sys.stderr, colour=not no_colour)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return _GAP.join(padded).rstrip()
