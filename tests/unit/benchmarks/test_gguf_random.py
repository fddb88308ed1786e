"""The random model is one that llama.cpp itself reads, tokenizes with and runs."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.bare_loop import BareLoop, Job, chat_text
from benchmarks.gguf_file import ALIGNMENT, Tensor, TensorType, write_gguf
from benchmarks.gguf_random import Shape, make_model
from benchmarks.native import NativeModel
from benchmarks.prompts import prompt_of
from benchmarks.sampling import Sampling

TINY = Shape(layers=1, width=256, ffn_width=256, heads=4, kv_heads=2, vocabulary=6000, context=512)


def open_model(path: Path) -> NativeModel:
    return NativeModel(path, n_threads=1, n_sequences=4, n_ctx=512)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = make_model(tmp_path / "a", TINY, file_type="F16", seed=7)
    second = make_model(tmp_path / "b", TINY, file_type="F16", seed=7)
    other = make_model(tmp_path / "b", TINY, file_type="F16", seed=8)

    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("file_type", ["F16", "Q8_0", "Q4_K_M"])
def test_every_file_type_generates_the_tokens_asked_for(tmp_path: Path, file_type: str) -> None:
    path = make_model(tmp_path, TINY, file_type=file_type, seed=0)

    with open_model(path) as model:
        measured = BareLoop(model).run(Job(["one", "two words"], 5, Sampling()))

    assert measured.streams == 2
    assert measured.completion_tokens == 10


def test_an_untied_output_has_weights_of_its_own(tmp_path: Path) -> None:
    tied = make_model(tmp_path, TINY, file_type="F16", seed=0)
    shape = Shape(1, 256, 256, 4, 2, 6000, 512, tied=False)
    untied = make_model(tmp_path, shape, file_type="F16", seed=0)

    assert untied.stat().st_size - tied.stat().st_size == pytest.approx(6000 * 256 * 2, abs=200)


def test_a_common_word_is_one_token(tmp_path: Path) -> None:
    path = make_model(tmp_path, TINY, file_type="F16", seed=0)

    with open_model(path) as model:
        n_tokens = len(model.tokenize(" " + prompt_of(50, seed=1)))

    assert n_tokens == 50


def test_chat_markers_are_single_tokens(tmp_path: Path) -> None:
    path = make_model(tmp_path, TINY, file_type="F16", seed=0)

    with open_model(path) as model:
        tokens = model.tokenize(chat_text(""))

    assert tokens[0] == TINY.vocabulary - 2
    assert TINY.vocabulary - 1 in tokens


def test_tensors_start_at_aligned_offsets(tmp_path: Path) -> None:
    ones = Tensor("a", (3,), TensorType.F32, [np.ones(3, np.float32)])
    twos = Tensor("b", (1,), TensorType.F32, [np.full(1, 2, np.float32)])
    write_gguf(tmp_path / "file", {"general.architecture": "llama"}, [ones, twos])

    data = (tmp_path / "file").read_bytes()

    start = data.index(np.ones(3, np.float32).tobytes())
    assert start % ALIGNMENT == 0
    assert data[start + ALIGNMENT : start + ALIGNMENT + 4] == np.full(1, 2, np.float32).tobytes()


def test_a_tensor_of_another_size_than_its_shape_leaves_no_file(tmp_path: Path) -> None:
    short = Tensor("a", (3,), TensorType.F32, [np.ones(2, np.float32)])

    with pytest.raises(ValueError, match="a has 8 bytes; its shape needs 12"):
        write_gguf(tmp_path / "file", {}, [short])

    assert not (tmp_path / "file").exists()
