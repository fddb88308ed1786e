"""The screens look as they were last looked over: `python -m tests.tui.layouts` draws them anew."""

import difflib
import time

import pytest

from tests.tui.layouts import FOLDER, SIZES, drawn


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_screens_look_as_they_were_looked_over(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name, picture in (await drawn(size)).items():
        known = (FOLDER / name).read_text(encoding="utf-8")
        changes = difflib.unified_diff(known.splitlines(), picture.splitlines(), name, lineterm="")
        assert picture == known, "\n".join(changes)
