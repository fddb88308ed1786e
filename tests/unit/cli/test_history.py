import csv

from velocity_local.client.history_csv import csv_lines
from velocity_local.core.history import RequestRow


def row(**changes: object) -> RequestRow:
    given = {
        "id": "req_1",
        "created_s": 1.5,
        "dialect": "openai",
        "endpoint": "chat",
        "model": "demo",
        "fingerprint": "f",
        "status": "ok",
        "http_status": 200,
        "stream": True,
    } | changes
    return RequestRow(**given)  # type: ignore[arg-type] # fields by name


def parsed(*rows: RequestRow) -> list[dict[str, str]]:
    return list(csv.DictReader(csv_lines(rows)))


def test_every_figure_has_a_column() -> None:
    (line,) = parsed(row(prompt_tokens=9))
    assert set(line) == set(RequestRow.__struct_fields__)
    assert (line["prompt_tokens"], line["completion_tokens"]) == ("9", "")


def test_text_may_hold_quotes_and_commas() -> None:
    (line,) = parsed(row(model='a "b", c'))
    assert line["model"] == 'a "b", c'


def test_a_spreadsheet_runs_nothing() -> None:
    (line,) = parsed(row(client="=HYPERLINK(1)"))
    assert line["client"] == "'=HYPERLINK(1)"
