"""When a worker loads an adapter, and when it lets one go."""

from pathlib import Path

import pytest

from tests.support.shelved import described
from velocity_local.core.adapters import Adapter
from velocity_local.core.errors import InvalidAdapter
from velocity_local.core.models import LoadOptions
from velocity_local.worker.adapters import Adapters
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Script


class Recording(FakeBackend):
    """Writes down what was loaded and unloaded."""

    def __init__(self) -> None:
        super().__init__(Script(), LoadOptions(n_seq_max=4))
        self.story: list[str] = []

    def load_adapter(self, adapter: Adapter) -> None:
        super().load_adapter(adapter)
        self.story.append(f"+{adapter.key}")

    def unload_adapter(self, key: str) -> None:
        super().unload_adapter(key)
        self.story.append(f"-{key}")


class Bench:
    """Adapters over a recording backend; `used` are the keys that sequences compute with."""

    def __init__(self, folder: Path) -> None:
        self.backend = Recording()
        self.used: set[str] = set()
        self.adapters = Adapters(self.backend, lambda: self.used)
        self._file = folder / "adapter.gguf"
        self._file.touch()

    def make(self, fingerprint: str, name: str = "one", scale: float = 1.0) -> Adapter:
        return described(self._file, name=name, fingerprint=fingerprint, scale=scale)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_one_is_loaded_once(bench: Bench) -> None:
    bench.adapters.ensure(bench.make("p"))
    bench.adapters.ensure(bench.make("p"))
    assert bench.backend.story == ["+p@1"]


def test_two_names_of_one_content_are_one(bench: Bench) -> None:
    bench.adapters.ensure(bench.make("p", "one"))
    bench.adapters.ensure(bench.make("p", "two"))
    assert bench.backend.story == ["+p@1"]


def test_one_that_is_forgotten_leaves_when_nobody_uses_it(bench: Bench) -> None:
    bench.adapters.ensure(bench.make("p"))
    bench.used = {"p@1"}
    bench.adapters.forget("p@1")
    assert bench.adapters.keys == ("p@1",)
    bench.used = set()
    bench.adapters.tidy()
    assert bench.backend.story == ["+p@1", "-p@1"]
    assert not bench.adapters.keys


def test_one_that_is_wanted_again_stays(bench: Bench) -> None:
    bench.adapters.ensure(bench.make("p"))
    bench.used = {"p@1"}
    bench.adapters.forget("p@1")
    bench.adapters.ensure(bench.make("p"))
    bench.used = set()
    bench.adapters.tidy()
    assert bench.adapters.keys == ("p@1",)


def test_other_content_under_the_same_name_replaces(bench: Bench) -> None:
    bench.adapters.ensure(bench.make("old"))
    bench.adapters.ensure(bench.make("new"))
    assert bench.backend.story == ["+old@1", "+new@1", "-old@1"]


def test_another_scale_is_another_adapter(bench: Bench) -> None:
    bench.adapters.ensure(bench.make("p", "full"))
    bench.adapters.ensure(bench.make("p", "half", 0.5))
    assert bench.adapters.keys == ("p@1", "p@0.5")


def test_forgetting_what_is_not_there_is_fine(bench: Bench) -> None:
    bench.adapters.forget("nothing")
    assert bench.backend.story == []


def test_one_that_cannot_be_read_is_named(bench: Bench) -> None:
    lost = described(Path("/nowhere.gguf"), name="one")
    with pytest.raises(InvalidAdapter, match=r"'m:one'.*nowhere"):
        bench.adapters.ensure(lost)
    assert not bench.adapters.keys


def test_a_file_that_changed_meanwhile_is_not_what_was_asked_for(bench: Bench) -> None:
    adapter = bench.make("p")
    Path(adapter.path).write_text("other")
    with pytest.raises(InvalidAdapter, match="has changed"):
        bench.adapters.ensure(adapter)
    assert bench.backend.story == []
