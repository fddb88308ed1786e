"""Folders in MLX's format: what is read of them, and what is refused before a loader sees it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.support.mlx import SHARDS, mlx_files, put_mlx
from tests.support.safetensors import packed
from tests.unit.daemon.catalog.damage import mutate
from tests.unit.daemon.catalog.folders import broken, ids, put
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog.files import UnreadableFile
from velocity_local.daemon.catalog.inspected import Inspected
from velocity_local.daemon.catalog.local import LocalCatalog
from velocity_local.daemon.catalog.mlx.config import MAX_DOCUMENT_BYTES
from velocity_local.daemon.catalog.mlx.preflight import inspect_folder

INDEX = "model.safetensors.index.json"


def inspected(folder: Path, **changed: bytes | None) -> Inspected:
    """The sound model with files changed, or left out; `__` in a keyword stands for a dot."""
    named = {name.replace("__", "."): data for name, data in changed.items()}
    files = {name: data for name, data in (mlx_files() | named).items() if data is not None}
    return inspect_folder(put_mlx(folder / "model", files))


def document(**values: Any) -> bytes:
    return json.dumps(json.loads(mlx_files()["config.json"]) | values).encode()


def test_the_facts_are_those_of_config_and_shards(tmp_path: Path) -> None:
    found = inspected(tmp_path)
    assert found.facts.architecture == "llama"
    assert (found.facts.quantization, found.parameters) == ("4bit", 1024 + 64)
    assert (found.facts.context_length, found.facts.kv_bytes_per_token) == (128, 2 * 2 * 2 * 16 * 2)
    assert found.facts.has_chat_template
    assert found.size_bytes == sum(map(len, mlx_files().values()))


def test_a_model_in_parts_tells_of_its_text_part(tmp_path: Path) -> None:
    text = {"num_hidden_layers": 3, "max_position_embeddings": 512, "model_type": "llama_text"}
    found = inspected(tmp_path, config__json=document(text_config=text))
    assert found.facts.context_length == 512


def test_a_model_that_is_not_quantized_is_named_by_its_numbers(tmp_path: Path) -> None:
    config = document(quantization=None)
    assert inspected(tmp_path, config__json=config).facts.quantization == "f16"


def test_the_fingerprint_follows_every_file(tmp_path: Path) -> None:
    sound = inspected(tmp_path).fingerprint
    for name, data in mlx_files().items():
        if name == SHARDS[0]:
            data = data[:-1] + b"\1"
        elif name.endswith(".json"):
            data = data.replace(b"{", b"{ ", 1)
        else:
            continue
        files = mlx_files() | {name: data}
        assert inspect_folder(put_mlx(tmp_path / name, files)).fingerprint != sound


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config__json", {"auto_map": {"AutoModel": "modeling.Model"}}),
        ("config__json", {"model_file": "model.py"}),
        ("config__json", {"text_config": {"deep": [{"auto_map": {}}]}}),
        ("tokenizer_config__json", {"auto_map": {"AutoTokenizer": ["tokenization.T", None]}}),
        ("processor_config__json", {"auto_map": {}}),
        ("generation_config__json", {"custom_pipelines": {}}),
    ],
)
def test_settings_that_name_code_are_refused(
    tmp_path: Path, name: str, values: dict[str, Any]
) -> None:
    with pytest.raises(UnsoundFile, match=r"names Python code.*never run"):
        inspected(tmp_path, **{name: document(**values)})


@pytest.mark.parametrize(
    "model_type", ["../evil", "os.path", "", ".", "a/b", None, 5, "x" * 65, "a b", "llama\n"]
)
@pytest.mark.parametrize("is_nested", [False, True])
def test_a_model_type_that_is_no_plain_name_is_refused(
    tmp_path: Path, model_type: object, is_nested: bool
) -> None:
    """It would become the name of a module to import."""
    values: dict[str, Any] = {"model_type": model_type}
    config = document(text_config=values) if is_nested else document(**values)
    with pytest.raises(UnsoundFile, match="model_type"):
        inspected(tmp_path, config__json=config)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no sound JSON"),
        (b"[]", "no JSON object"),
        (b"\xff\xfe", "no sound JSON"),
        (b"[" * 100_000, "no sound JSON"),
        (b'{"a":' * 100_000, "no sound JSON"),
        (b'{"a": NaN}', "no sound JSON"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "at most"),
        (document(num_hidden_layers=10**9), "num_hidden_layers is 1000000000"),
        (document(hidden_size=-1), "hidden_size is -1"),
    ],
    ids=range(9),
)
def test_settings_that_are_damaged_or_absurd_are_refused(
    tmp_path: Path, data: bytes, told: str
) -> None:
    with pytest.raises(UnsoundFile, match=rf"^config\.json, at byte 0: .*{told}"):
        inspected(tmp_path, config__json=data)


def test_every_shard_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(UnsoundFile, match=r"^model\.safetensors, at byte"):
        inspected(tmp_path, model__safetensors=packed(b"{}"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"tokenizer__json": None}, "no tokenizer"),
        ({SHARDS[1].replace(".", "__"): None}, "not here"),
        ({INDEX.replace(".", "__"): b'{"weight_map": {"a": "../../secret.safetensors"}}'}, "not h"),
        (dict.fromkeys((name.replace(".", "__") for name in SHARDS), None), "needs config.json"),
    ],
)
def test_a_model_that_lacks_a_part_is_refused(
    tmp_path: Path, changed: dict[str, bytes | None], told: str
) -> None:
    with pytest.raises(UnreadableFile, match=told):
        inspected(tmp_path, **changed)


@pytest.mark.parametrize("data", [b"{}", b'{"weight_map": []}', b'{"weight_map": {"a": 1}}', b"x"])
def test_an_index_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnsoundFile, match=r"^model\.safetensors\.index\.json"):
        inspected(tmp_path, **{INDEX.replace(".", "__"): data})


@pytest.mark.parametrize("name", ["a.py", "b.BIN", "deep/c.pkl", "lib.so"])
def test_a_folder_in_which_code_lies_is_refused(tmp_path: Path, name: str) -> None:
    folder = put_mlx(tmp_path / "model")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    with pytest.raises(UnreadableFile, match=f"{name}.*holds code"):
        inspect_folder(folder)


def test_a_model_with_pooling_embeds(tmp_path: Path) -> None:
    folder = put_mlx(tmp_path / "model")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_bytes(b'{"pooling_mode_cls_token": true}')
    assert inspect_folder(folder).facts.is_embedding


def test_mutated_settings_give_facts_or_the_one_error(tmp_path: Path) -> None:
    random_, sound, refused = random.Random(9), mlx_files()["config.json"], 0
    folder = put_mlx(tmp_path / "model")
    for _ in range(500):
        (folder / "config.json").write_bytes(mutate(random_, sound))
        try:
            inspect_folder(folder)
        except UnsoundFile:
            refused += 1
    assert refused > 200


def test_a_folder_is_a_model_beside_others(root: Path, catalog: LocalCatalog) -> None:
    put_mlx(root / "mlx-community" / "Tiny-4bit")
    put(root / "owner" / "x.gguf")
    put_mlx(root / ".hidden" / "model")
    entries = {entry.id: entry for entry in catalog.scan().entries}
    assert ids(catalog) == ["demo", "mlx-community/Tiny-4bit", "owner/x"]
    entry = entries["mlx-community/Tiny-4bit"]
    assert (entry.format, entry.path) == (
        "mlx",
        str((root / "mlx-community" / "Tiny-4bit").resolve()),
    )
    assert (entry.shape, entry.quantization) == (None, "4bit")


def test_a_folder_that_wants_code_run_is_listed_as_broken(
    root: Path, catalog: LocalCatalog
) -> None:
    put_mlx(root / "evil", mlx_files(auto_map={"AutoModel": "evil.Model"}))
    assert "auto_map" in broken(catalog)["evil"]


async def test_a_change_of_any_file_is_seen(root: Path, catalog: LocalCatalog) -> None:
    folder = put_mlx(root / "tiny")
    entry = await catalog.resolve("tiny")
    assert catalog.is_current(entry)
    (folder / "tokenizer.json").write_bytes(b'{"version": "1.0", "more": 1}')
    assert not catalog.is_current(entry)
    assert (await catalog.resolve("tiny")).fingerprint != entry.fingerprint
