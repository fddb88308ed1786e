"""The verbs history list, show, export and delete."""

from collections.abc import Iterable

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api
from velocity_local.client.history_csv import COLUMNS, csv_lines
from velocity_local.core.history import RequestRow
from velocity_local.core.units import milliseconds, moment

_HEADERS = ("WHEN", "ID", "MODEL", "STATUS", "PROMPT", "ANSWER", "TTFT", "TOKENS/S", "TOTAL")


def list_(call: Call) -> int:
    """Requests, newest first."""
    rows = list(_asked(call, limit=call.args.limit))
    if call.args.json:
        call.out.json("history/1", requests=rows)
    elif rows:
        call.out.table(_HEADERS, [_row(row) for row in rows])
    else:
        call.out.note("No request matches.")
    return Exit.OK


def show(call: Call) -> int:
    """One request with all its figures."""
    row = api.request(call.connect(), call.args.id)
    if call.args.json:
        call.out.json("request/1", request=row)
    else:
        call.out.fields({name: _value(row, name) for name in COLUMNS})
    return Exit.OK


def export(call: Call) -> int:
    """All matching requests, as one JSON document or as CSV with a header line."""
    rows = _asked(call, limit=None)
    if call.args.format == "csv":
        for line in csv_lines(rows):
            call.out.line(line)
    else:
        call.out.json("history/1", requests=list(rows))
    return Exit.OK


def delete(call: Call) -> int:
    """Forget one request, after asking a person."""
    client = call.connect()
    if not call.confirm(f"Delete {call.args.id}?"):
        call.out.note("Nothing was deleted.")
        return Exit.OK
    api.delete_request(client, call.args.id)
    call.out.note(f"Deleted {call.args.id}.")
    return Exit.OK


def _asked(call: Call, *, limit: int | None) -> Iterable[RequestRow]:
    return api.requests(call.connect(), limit=limit, model=call.args.model, status=call.args.status)


def _row(row: RequestRow) -> tuple[str, ...]:
    return (
        moment(row.created_s),
        row.id,
        row.model,
        row.status if row.error_code is None else f"{row.status} {row.error_code}",
        _text(row.prompt_tokens),
        _text(row.completion_tokens),
        milliseconds(row.ttft_ms),
        f"{row.tokens_per_s:.1f}" if row.tokens_per_s is not None else "",
        milliseconds(row.total_ms),
    )


def _value(row: RequestRow, name: str) -> str:
    value = getattr(row, name)
    if name == "created_s":
        return moment(value)
    if name.endswith("_ms"):
        return milliseconds(value)
    return f"{value:.1f}" if isinstance(value, float) else _text(value)


def _text(value: object) -> str:
    return "" if value is None else str(value)
