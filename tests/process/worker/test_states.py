"""A worker ends, another begins: what was computed is not computed again, and says the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.backends.conftest import DEMO, WRITERS
from tests.process.worker.harness import Worker, answer, ask, worker
from velocity_local.core import killpoints
from velocity_local.core.kv import KvTiers
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import TextPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import Load, Loaded, Shutdown

pytestmark = pytest.mark.process

HEAD = "Once upon a time there was a fox who lived in a wood. " * 6
GREEDY = SamplingParams(temperature=0)
OPTIONS = LoadOptions(n_ctx=1024, n_seq_max=2, n_threads=1)


@pytest.fixture(params=["demo", "llama", "gemma2", "mamba", "qwen35"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "demo":
        return DEMO
    return WRITERS[request.param](tmp_path / "model.gguf")


def tiers(folder: Path, **changed: int | bytes) -> KvTiers:
    room = {"ram_bytes": 2**28, "disk_bytes": 2**30, "write_bytes_per_hour": 2**30}
    return KvTiers(folder=str(folder), fingerprint="m", **{"key": b"k" * 32, **room, **changed})  # type: ignore[arg-type]  # each has its own type


def load(running: Worker, model: Path, kv: KvTiers) -> None:
    running.send(Load(str(model), OPTIONS, kv=kv))
    loaded = running.next()
    assert isinstance(loaded, Loaded), loaded


def say(running: Worker, handle: int, prompt: str) -> tuple[tuple[int, ...], int]:
    """The tokens of an answer, and how many of its prompt's were not computed."""
    running.send(ask(handle, TextPrompt(prompt), sampling=GREEDY, max_tokens=16))
    said = answer(running, handle)
    return said.tokens(), said.finished.usage.cached_tokens


def end(running: Worker) -> None:
    running.send(Shutdown())
    assert running.exit_code() == 0


def test_a_prompt_survives_its_worker(model: Path, tmp_path: Path) -> None:
    kv = tiers(tmp_path / "kv")
    with worker() as first:
        load(first, model, kv)
        before, cached = say(first, 1, HEAD + "And then")
        end(first)
    assert cached == 0
    with worker() as second:
        load(second, model, kv)
        after, cached = say(second, 1, HEAD + "And then")
        end(second)
    assert after == before
    assert cached >= 80


@pytest.mark.parametrize("changed", [{"key": b"x" * 32}, {"disk_bytes": 0}, {"ram_bytes": 0}])
def test_without_the_key_or_the_tier_it_is_computed(
    changed: dict[str, int | bytes], tmp_path: Path
) -> None:
    with worker() as first:
        load(first, DEMO, tiers(tmp_path / "kv"))
        before, _ = say(first, 1, HEAD)
        end(first)
    with worker() as second:
        load(second, DEMO, tiers(tmp_path / "kv", **changed))
        assert say(second, 1, HEAD) == (before, 0)
        end(second)


def test_a_worker_that_is_killed_while_it_writes_leaves_nothing_that_is_used(
    tmp_path: Path,
) -> None:
    kv = tiers(tmp_path / "kv")
    with worker() as first:
        load(first, DEMO, kv)
        before, _ = say(first, 1, HEAD)
        first.send(Shutdown())
        first.process.kill()
    with worker() as second:
        load(second, DEMO, kv)
        assert say(second, 1, HEAD)[0] == before
        end(second)
    assert not list((tmp_path / "kv").glob("**/*.part"))


WRITE = """
import sys
from pathlib import Path
from velocity_local.core import killpoints
from velocity_local.worker.states import files

killpoints.arm("kv.before_rename")
state = memoryview(bytearray(1000))
files.write(Path(sys.argv[1]), "e", b"k", space="", start=0, tokens=[1] * 40, state=state)
"""


def test_a_kill_between_writing_and_naming_leaves_no_file_of_cells(tmp_path: Path) -> None:
    folder = tmp_path / "kv" / "m"
    folder.mkdir(parents=True)
    ended = subprocess.run([sys.executable, "-c", WRITE, str(folder)], check=False)
    assert ended.returncode == killpoints.EXIT_STATUS
    assert [path.suffix for path in folder.iterdir()] == [".part"]
    with worker() as running:
        load(running, DEMO, tiers(tmp_path / "kv"))
        assert say(running, 1, HEAD)[1] == 0
        end(running)
    assert {path.suffix for path in folder.iterdir()} == {".kv"}


def test_every_file_altered_is_a_file_computed_again(tmp_path: Path) -> None:
    kv = tiers(tmp_path / "kv")
    with worker() as first:
        load(first, DEMO, kv)
        before, _ = say(first, 1, HEAD)
        end(first)
    for path in (tmp_path / "kv").glob("**/*.kv"):
        data = bytearray(path.read_bytes())
        data[-100] ^= 4
        path.write_bytes(data)
    with worker() as second:
        load(second, DEMO, kv)
        assert say(second, 1, HEAD) == (before, 0)
        end(second)
