"""Which files have heads that are worth loading, told from their first bytes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import tiny_heads, tiny_models
from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends.llama_cpp.heads_file import wants_heads

AUTO, ON, OFF = (LoadOptions(heads=heads) for heads in ("auto", "on", "off"))
SILENT = LoadOptions(heads="on", speculation="off")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (tiny_heads.write_experts_with_heads, (True, True)),
        (tiny_heads.write_latent_with_heads, (True, True)),
        (tiny_heads.write_hybrid_with_heads, (False, True)),
        (tiny_heads.write_hybrid_experts_with_heads, (False, True)),
        (tiny_models.write_hybrid, (False, False)),
        (tiny_models.write_llama, (False, False)),
        (tiny_heads.write_experts_without_their_heads, (False, False)),
    ],
)
def test_heads_are_taken_where_they_are_and_cost_little_or_were_asked_for(
    write: Callable[[Path], Path], expected: tuple[bool, bool], tmp_path: Path
) -> None:
    path = str(write(tmp_path / "tiny.gguf"))
    assert (wants_heads(path, AUTO), wants_heads(path, ON)) == expected
    assert not wants_heads(path, OFF)
    assert not wants_heads(path, SILENT)


@pytest.mark.parametrize("missing", ["attn_q_a.weight", "attn_k_b", "ffn_gate_shexp", "nextn.e"])
def test_what_the_graph_would_end_the_process_over_must_be_there(
    missing: str, tmp_path: Path
) -> None:
    path = tiny_heads.write_latent_with_heads(tmp_path / "tiny.gguf", missing=missing)
    assert not wants_heads(str(path), ON)


def test_attention_that_the_graph_does_not_take_is_left_alone(tmp_path: Path) -> None:
    path = tiny_heads.write_latent_with_heads(tmp_path / "tiny.gguf")
    scaled = path.read_bytes().replace(b"expert_gating_func", b"attention.temperature_scale")
    path.write_bytes(scaled)
    assert not wants_heads(str(path), ON)


def test_heads_of_several_blocks_are_left_alone(tmp_path: Path) -> None:
    whole = tiny_heads.write_experts_with_heads(tmp_path / "one.gguf").read_bytes()
    key = b"glm4moe.nextn_predict_layers\4\0\0\0"
    assert key + b"\1" in whole
    two = tmp_path / "two.gguf"
    two.write_bytes(whole.replace(key + b"\1", key + b"\2"))
    assert not wants_heads(str(two), ON)


def test_tensors_may_be_in_the_last_of_several_files(tmp_path: Path) -> None:
    whole = tiny_heads.write_experts_with_heads(tmp_path / "whole.gguf").read_bytes()
    first, last = (tmp_path / f"parts-0000{i}-of-00002.gguf" for i in (1, 2))
    first.write_bytes(whole.replace(b".nextn.eh", b".other.eh"))
    assert not wants_heads(str(first), ON)
    last.write_bytes(whole)
    assert wants_heads(str(first), ON)


@pytest.mark.parametrize("content", [None, b"", b"GGUF"])
def test_files_that_cannot_be_read_have_none(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    if content is not None:
        path.write_bytes(content)
    assert not wants_heads(str(path), ON)
