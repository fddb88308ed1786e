"""A model in MLX's format on its way: all its files together, and none that holds code."""

import json
from typing import Any

import pytest

from tests.support.mlx import SHARDS, mlx_files
from tests.unit.daemon.catalog.downloads.conftest import Stop, Yard
from velocity_local.core.errors import HubError, InvalidModel
from velocity_local.daemon.catalog.local import LocalCatalog

REPOSITORY = "mlx-community/Tiny-4bit"
JUNK = {"modeling.py": b"import os", "weights.bin": b"pickle", "README.md": b"Hi"}


async def test_its_files_come_together_and_no_other(yard: Yard) -> None:
    yard.hub.put_mlx(REPOSITORY, mlx_files() | JUNK)
    delivery = await yard.orders().placed(REPOSITORY, None)
    delivery.run(Stop())
    assert yard.names() == sorted(f"{REPOSITORY}/{name}" for name in mlx_files())
    (entry,) = LocalCatalog(yard.models, demo=None, clock=yard.clock).scan().entries
    assert (entry.id, entry.format) == (delivery.model, "mlx") == (REPOSITORY, "mlx")


def test_it_is_not_visible_before_its_last_file_is_right(yard: Yard) -> None:
    files = mlx_files()
    yard.hub.put_mlx(REPOSITORY, files)
    yard.hub.hashes[SHARDS[1]] = "0" * 64
    with pytest.raises(HubError, match="SHA-256"):
        yard.delivery(REPOSITORY).run(Stop())
    assert LocalCatalog(yard.models, demo=None, clock=yard.clock).scan() == ((), ())
    del yard.hub.hashes[SHARDS[1]]
    yard.delivery(REPOSITORY).run(Stop())
    assert len(LocalCatalog(yard.models, demo=None, clock=yard.clock).scan().entries) == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"auto_map": {"AutoModel": "modeling.Model"}}),
        ("config.json", {"model_file": "model.py"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": "tokenization.T"}}),
    ],
)
async def test_one_that_wants_code_run_is_refused_before_its_weights_come(
    yard: Yard, name: str, values: dict[str, Any]
) -> None:
    files = mlx_files()
    files[name] = json.dumps(json.loads(files[name]) | values).encode()
    yard.hub.put_mlx(REPOSITORY, files | JUNK)
    with pytest.raises(InvalidModel, match=rf"{name}.*never run"):
        await yard.orders().placed(REPOSITORY, None)
    assert not [asked.path for asked in yard.hub.storage if "safetensors" in asked.path]
