"""Loads are kept once for each way of loading, the newest first, across restarts."""

from pathlib import Path

from msgspec.structs import replace

from velocity_local.core.clock import ManualClock
from velocity_local.core.loads import LoadRow
from velocity_local.daemon.store.history import History

ROW = LoadRow(1.0, "m", "print", "{}", 10, 20, 30, 5.0, formula_bytes=61, dry_run_bytes=60)


async def test_the_last_load_of_each_kind_is_kept(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db", clock=ManualClock())
    await history.open()
    history.keep_load(ROW)
    history.keep_load(replace(ROW, at_s=2.0, options='{"n_ctx":512}'))
    history.keep_load(replace(ROW, at_s=3.0, kv_bytes=25))
    await history.close()
    again = History(tmp_path / "history.db", clock=ManualClock())
    await again.open()
    try:
        loads = await again.loads()
    finally:
        await again.close()
    assert [(load.at_s, load.kv_bytes) for load in loads] == [(3.0, 25), (2.0, 20)]
    assert loads[0].engine_bytes == 65
