"""A table with keys: aligned columns, a cursor that stays on its row, and little that is drawn."""

import pytest
from rich.text import Text
from textual.app import App, ComposeResult

from velocity_tui.widgets.rows import Line, Rows

N_LINES = 300


class OneTable(App[None]):
    """Nothing but the table."""

    CSS = "Rows { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield Rows("NAME", "NUMBER")


def lines(*numbers: int, more: int = 0) -> list[Line]:
    return [(f"key-{n}", ((f"name-{n}", ""), (str(n + more), "bold"))) for n in numbers]


def shown(table: Rows) -> list[list[str]]:
    return [str(table.get_row_at(row)[0]).split() for row in range(table.row_count)]


async def test_a_row_is_one_line_and_its_columns_are_aligned() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 10)):
        table = app.query_one(Rows)
        table.fill([("a", (("short", ""), ("1", ""))), ("b", (("much longer 好", ""), ("2", "")))])
        assert [str(table.get_row_at(row)[0]) for row in (0, 1)] == [
            "short           1     ",
            "much longer 好  2     ",
        ]
        assert str(table.ordered_columns[0].label) == "NAME            NUMBER"
        assert table.texts == [["short", "1"], ["much longer 好", "2"]]


async def test_only_rows_that_differ_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = OneTable()
    async with app.run_test(size=(40, 10)):
        table = app.query_one(Rows)
        table.fill(lines(1, 2, 3))
        changed: list[object] = []
        update = table.update_cell

        def noting(key: str, column: str, value: Text) -> None:
            changed.append(key)
            update(key, column, value)

        monkeypatch.setattr(table, "update_cell", noting)
        table.fill([*lines(1), *lines(2, more=7), *lines(3)])
        assert changed == ["key-2"]
        assert shown(table) == [["name-1", "1"], ["name-2", "9"], ["name-3", "3"]]


async def test_wider_columns_move_those_beside_them() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 10)):
        table = app.query_one(Rows)
        table.fill([("a", (("x", ""), ("1", "")))])
        table.fill([("a", (("x" * 20, ""), ("1", "")))])
        assert str(table.get_row_at(0)[0]) == "x" * 20 + "  1     "


@pytest.mark.parametrize("at", [3, 250])
async def test_the_cursor_stays_on_its_row(at: int) -> None:
    app = OneTable()
    async with app.run_test(size=(40, 30)):
        table = app.query_one(Rows)
        table.fill(lines(*range(N_LINES)))
        table.move_cursor(row=at)
        moved = lines(*range(1000, 1009), *range(N_LINES))
        table.fill(moved)
        assert (table.key_at_cursor, table.cursor_row) == (f"key-{at}", at + 9)
        table.fill(lines(5000, 5001))
        assert table.key_at_cursor == "key-5000"


async def test_a_table_without_rows_has_its_headers() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 10)):
        table = app.query_one(Rows)
        table.fill(lines(1))
        table.fill([])
        assert (table.row_count, table.key_at_cursor) == (0, None)
        assert str(table.ordered_columns[0].label) == "NAME  NUMBER"
