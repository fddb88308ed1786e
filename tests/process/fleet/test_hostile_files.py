"""Damaged model files: most never reach native code, the rest end in a word, not in silence."""

import random
from pathlib import Path

import pytest

from tests.process.fleet.yard import SETTINGS
from tests.support.tiny_models import write_llama
from tests.unit.daemon.catalog.damage import mutate
from velocity_local.core.clock import SystemClock
from velocity_local.core.errors import InvalidModel, ModelError
from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.daemon.catalog.local import LocalCatalog
from velocity_local.daemon.fleet.client import Fleet

pytestmark = pytest.mark.process
HEADER_BYTES = 8000
FILES = 60


def damaged_files(folder: Path) -> None:
    random_ = random.Random(8)
    sound = write_llama(folder / "sound.gguf").read_bytes()
    for number in range(FILES):
        head = mutate(random_, sound[:HEADER_BYTES])
        (folder / f"damaged{number}.gguf").write_bytes(head + sound[HEADER_BYTES:])


async def test_every_damaged_file_is_refused_or_answered_for(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    damaged_files(models)
    catalog = LocalCatalog(models, demo=None, clock=SystemClock())
    fleet = Fleet(
        SETTINGS,
        catalog=catalog,
        load_options=lambda _: LoadOptions(n_ctx=128, n_threads=1),
        log_folder=tmp_path / "logs",
        clock=SystemClock(),
    )
    listing = await catalog.listing()
    assert len(listing.entries) + len(listing.broken) == FILES + 1
    assert len(listing.broken) > FILES // 2
    for broken in listing.broken:
        with pytest.raises(InvalidModel, match="at byte"):
            await catalog.resolve(broken.id)
    outcomes = {}
    try:
        for entry in [listing.entries[-1], *listing.entries[:5]]:
            outcomes[entry.id] = await outcome(fleet, entry)
        assert {status.state for status in fleet.status()} <= {"ready", "failed", "unloaded"}
    finally:
        await fleet.stop(drain_s=0.0)
    assert outcomes["sound"] == "ready"
    assert all(said == "ready" or name in said for name, said in outcomes.items())


async def outcome(fleet: Fleet, entry: ModelEntry) -> str:
    """How loading it went, in a word or in the error's."""
    try:
        await fleet.load(entry)
    except ModelError as error:
        return error.message
    return "ready"
