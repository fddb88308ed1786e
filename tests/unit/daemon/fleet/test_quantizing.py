"""The quantizer's process: what becomes of its answers, its death, its nonsense and its end."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.support.gguf import LLAMA, gguf
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import Conflict, InvalidRequest, NotFound
from velocity_local.core.library import Quantization
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.catalog.local import LocalCatalog
from velocity_local.daemon.fleet.quantizing import Quantizations

READ = "import json, sys, time; order = json.load(sys.stdin); out = sys.stdout\n"
COPY = "open(order['target'], 'wb').write(open(order['source'], 'rb').read())\n"
STEP = "out.write(json.dumps({'done': 1, 'total': 2}) + '\\n'); out.flush()\n"
DONE = "out.write(json.dumps({'is_done': True}) + '\\n'); out.flush()\n"


class Yard:
    def __init__(self, root: Path) -> None:
        self.models = root / "models"
        (self.models / "o").mkdir(parents=True)
        (self.models / "o" / "m-F16.gguf").write_bytes(gguf())
        (self.models / "o" / "q-Q8_0.gguf").write_bytes(gguf(LLAMA | {"general.file_type": 7}))
        self.catalog = LocalCatalog(self.models, demo=None, clock=ManualClock())

    def saying(self, script: str) -> Quantizations:
        """A quantizer that is this Python script."""
        return Quantizations(
            self.models,
            catalog=self.catalog,
            refresh=self.catalog.refreshed,
            environment={},
            clock=ManualClock(),
            command=(sys.executable, "-c", READ + script),
        )

    def names(self) -> list[str]:
        return sorted(path.name for path in self.models.rglob("*") if path.is_file())


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


async def ended(quantizations: Quantizations, started: Quantization) -> Quantization:
    async with asyncio.timeout(20):
        while True:
            now = quantizations.get(started.id)
            if now.state != "running":
                return now
            await asyncio.sleep(0.01)


async def test_a_model_gets_its_name_once_it_is_whole(yard: Yard) -> None:
    quantizations = yard.saying(STEP + COPY + DONE)
    now = await ended(quantizations, await quantizations.start("m-F16", "q4_k_m", None))
    assert (now.state, now.model, now.done, now.total) == ("done", "o/m-Q4_K_M", 1, 2)
    assert yard.names() == ["m-F16.gguf", "m-Q4_K_M.gguf", "q-Q8_0.gguf"]
    assert (await yard.catalog.resolve("o/m-Q4_K_M")).architecture == "llama"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(3)", "status 3"),
        (STEP + "sys.exit(0)", "status 0"),
        ("out.write('nonsense\\n')", "makes no sense"),
        ("out.write('x' * 100_000 + '\\n')", "makes no sense"),
        ("out.write(json.dumps({'error': {'code': 'model_failed', 'message': 'no'}}))", "no"),
        ("open(order['target'], 'wb').write(b'GGUF')\n" + DONE, "not sound"),
        (DONE, "not sound|cannot be opened"),
    ],
)
async def test_a_quantizer_that_fails_leaves_nothing_and_says_why(
    yard: Yard, script: str, reason: str
) -> None:
    quantizations = yard.saying(script)
    now = await ended(quantizations, await quantizations.start("m-F16", "Q8_0", None))
    assert now.state == "failed"
    assert now.error is not None
    assert any(part in now.error for part in reason.split("|"))
    assert yard.names() == ["m-F16.gguf", "q-Q8_0.gguf"]


async def test_one_that_is_cancelled_is_killed_and_leaves_nothing(yard: Yard) -> None:
    quantizations = yard.saying(COPY + STEP + "time.sleep(600)")
    started = await quantizations.start("m-F16", "Q8_0", None)
    with pytest.raises(Conflict, match="another model"):
        await quantizations.start("m-F16", "Q6_K", None)
    assert (await quantizations.cancel(started.id)).state == "cancelled"
    assert yard.names() == ["m-F16.gguf", "q-Q8_0.gguf"]


@pytest.mark.parametrize(
    ("model", "quantization", "name", "error"),
    [
        ("m-F16", "Q9_X", None, InvalidRequest),
        ("q-Q8_0", "Q4_K_M", None, InvalidRequest),
        ("m-F16", "Q8_0", "../up", InvalidRequest),
        ("m-F16", "Q8_0", "o/q-Q8_0", Conflict),
    ],
)
async def test_what_cannot_be_quantized_is_refused(
    yard: Yard, model: str, quantization: str, name: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await yard.saying(DONE).start(model, quantization, name)


async def test_an_unknown_id_is_not_found(yard: Yard) -> None:
    with pytest.raises(NotFound):
        yard.saying(DONE).get("qz_none")
    assert isinstance(await yard.catalog.resolve("m-F16"), ModelEntry)
