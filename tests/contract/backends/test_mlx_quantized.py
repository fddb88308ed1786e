"""Packed folders are written and read: 4 bits, 8 bits, and mixed by layer."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contract.backends.conftest import HAS_MLX, OPTIONS, of_mlx
from tests.contract.backends.reading import feed, next_token, prompt
from tests.support import tiny_mlx
from velocity_local.core.safetensors import read_header
from velocity_local.worker.backends import registry
from velocity_local.worker.engine.backend import BackendError

# How alike the logits after a prompt are, packed and not: Pearson's correlation, at least
ALIKE = {"8bit": 0.99, "mixed": 0.8, "4bit": 0.8}

if HAS_MLX:
    from velocity_local.worker.backends.mlx.converter import PACKINGS, convert

    @pytest.fixture(scope="module")
    def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tiny_mlx.write_folder(tmp_path_factory.mktemp("float") / "model")

    def logprobs(folder: Path) -> NDArray[np.float64]:
        """Of every token after a prompt."""
        backend = registry.load(str(folder), of_mlx(OPTIONS))
        tokens = prompt(backend, 12)
        feed(backend, 0, tokens)
        found = dict(next_token(backend, tokens, top=backend.capabilities.n_vocab).top)
        backend.close()
        return np.array([found[token] for token in sorted(found)])

    @pytest.mark.parametrize("name", PACKINGS)
    def test_a_packed_model_says_about_the_same(name: str, source: Path, tmp_path: Path) -> None:
        steps: list[tuple[int, int]] = []
        target = tmp_path / "packed"
        convert(str(source), target, PACKINGS[name], lambda *step: steps.append(step))
        assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
        assert steps[-1][0] == steps[-1][1]
        assert np.corrcoef(logprobs(target), logprobs(source))[0, 1] > ALIKE[name]

    def test_mixed_weights_lie_between_the_others(source: Path, tmp_path: Path) -> None:
        sizes = {}
        for name in PACKINGS:
            convert(str(source), tmp_path / name, PACKINGS[name], lambda *_: None)
            weights = tmp_path / name / "model.safetensors"
            with weights.open("rb") as file:
                header = read_header(file, weights.stat().st_size)
            assert "U32" in header.types
            sizes[name] = header.size_bytes
        assert sizes["4bit"] < sizes["mixed"] < sizes["8bit"]

    def test_what_is_packed_is_not_packed_again(source: Path, tmp_path: Path) -> None:
        convert(str(source), tmp_path / "one", PACKINGS["8bit"], lambda *_: None)
        with pytest.raises(BackendError, match="quantized already"):
            convert(str(tmp_path / "one"), tmp_path / "two", PACKINGS["4bit"], lambda *_: None)

    def test_code_beside_the_weights_is_not_converted(source: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(source, tmp_path / "hostile"))
        (folder / "modeling.py").write_text("raise SystemExit")
        with pytest.raises(BackendError, match="is code"):
            convert(str(folder), tmp_path / "out", PACKINGS["4bit"], lambda *_: None)
        assert not (tmp_path / "out").exists()
