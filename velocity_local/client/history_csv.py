"""History rows as CSV, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable

import msgspec

from velocity_local.core.history import RequestRow

COLUMNS = tuple(field.name for field in msgspec.structs.fields(RequestRow))


def csv_lines(rows: Iterable[RequestRow]) -> Iterable[str]:
    """CSV (RFC 4180) without line ends; text that a spreadsheet would run as a formula is quoted
    with an apostrophe (OWASP, CSV injection).
    """
    yield _csv_line(COLUMNS)
    for row in rows:
        yield _csv_line([_inert(getattr(row, name)) for name in COLUMNS])


def _csv_line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _inert(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
