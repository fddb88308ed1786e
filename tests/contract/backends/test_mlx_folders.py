"""Folders that are damaged or hostile are refused before anything in them is loaded or run."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.backends.conftest import HAS_MLX, OPTIONS, of_mlx
from tests.support import tiny_mlx
from tests.unit.daemon.catalog.damage import mutate
from velocity_local.core.safetensors import SafetensorsError, read_header
from velocity_local.worker.backends import registry
from velocity_local.worker.engine.backend import BackendError

CODE = "from pathlib import Path\nPath(__file__).with_name('it_ran').touch()\n"
Spoil = Callable[[Path], object]


def settings(name: str, **values: Any) -> Spoil:
    """Add to a file of settings."""

    def spoil(folder: Path) -> None:
        file = folder / f"{name}.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, **values}))

    return spoil


def file(name: str, content: str = CODE) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    return spoil


HOSTILE: dict[str, tuple[Spoil, str]] = {
    "model_file": (settings("config", model_file="evil.py"), "model_file"),
    "auto_map": (settings("config", auto_map={"AutoModel": "evil.Model"}), "auto_map"),
    "auto_map further in": (settings("config", text_config={"auto_map": {}}), "auto_map"),
    "auto_map of the tokenizer": (settings("tokenizer_config", auto_map={}), "auto_map"),
    "a Python file": (file("modeling_tiny.py"), "is code"),
    "a Python file below": (file("deep/er/x.py"), "is code"),
    "a library": (file("libtiny.so"), "is code"),
    "pickled weights": (file("pytorch_model.bin"), "pickled"),
    "a pickle": (file("state.PKL"), "pickled"),
    "a path for a type": (settings("config", model_type="../../evil"), "model_type"),
    "a module for a type": (settings("config", model_type="os"), "not known"),
    "a helper for a type": (settings("config", model_type="base"), "no model architecture"),
    "no type": (settings("config", model_type=None), "model_type"),
    "endless layers": (settings("config", num_hidden_layers=10**9), "num_hidden_layers"),
    "other sizes": (settings("config", hidden_size=96), "cannot be loaded"),
    "sizes of nothing": (settings("config", num_attention_heads=0), "cannot be loaded"),
    "text for a size": (settings("config", hidden_size="64"), "cannot be loaded"),
    "weights of others": (settings("config", quantization_config={"quant_method": "gptq"}), "gptq"),
    "no JSON": (file("config.json", "{"), "no sound JSON"),
    "deep JSON": (file("config.json", "[" * 10**5), "no sound JSON"),
    "a list": (file("generation_config.json", "[]"), "no JSON object"),
    "no vocabulary": (file("tokenizer.json", "{}"), "tokenizer.json is not sound"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
}

if HAS_MLX:

    @pytest.fixture(scope="module")
    def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tiny_mlx.write_folder(tmp_path_factory.mktemp("sound") / "model")

    @pytest.fixture
    def folder(sound: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(sound, tmp_path / "model"))

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_hostile_folder_is_refused_and_nothing_of_it_runs(name: str, folder: Path) -> None:
        spoil, reason = HOSTILE[name]
        spoil(folder)
        (folder.parent / "evil.py").write_text(CODE)
        with pytest.raises(BackendError, match=reason):
            registry.load(str(folder), of_mlx(OPTIONS))
        assert not list(folder.parent.rglob("it_ran"))

    def test_a_file_that_code_was_named_in_is_not_read_further(
        folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads = loads_of(monkeypatch)
        settings("config", model_file="evil.py")(folder)
        with pytest.raises(BackendError):
            registry.load(str(folder), of_mlx(OPTIONS))
        assert reads == []

    def test_200_damaged_headers_never_reach_the_library(
        folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads = loads_of(monkeypatch)
        weights = folder / "model.safetensors"
        whole = weights.read_bytes()
        n_header = 8 + int.from_bytes(whole[:8], "little")
        n_refused = 0
        rng = random.Random(4)
        for _ in range(200):
            weights.write_bytes(mutate(rng, whole[:n_header]) + whole[n_header:])
            is_sound = holds(weights)
            with pytest.raises(BackendError):
                registry.load(str(folder), of_mlx(OPTIONS))
            assert is_sound or reads == []
            reads.clear()
            n_refused += not is_sound
        assert n_refused > 150

    def loads_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The files that the library was asked to read; it reads none."""
        from velocity_local.worker.backends.mlx import weights

        reads: list[str] = []

        class Library:
            @staticmethod
            def load(path: str) -> dict[str, Any]:
                reads.append(path)
                return {}

        monkeypatch.setattr(weights, "mx", Library)
        return reads


def holds(weights: Path) -> bool:
    """Whether a file's header is sound all the same."""
    with weights.open("rb") as opened:
        try:
            read_header(opened, weights.stat().st_size)
        except SafetensorsError:
            return False
    return True
