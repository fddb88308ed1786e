"""Models in MLX's form in fewer bits: how these are called, and when what was written is one.

The converter writes a folder, config.json last, so that a half of one is no model.
"""

import os
import shutil
from pathlib import Path

from velocity_local.config.atomic import sync_folder
from velocity_local.core.errors import ModelFailed
from velocity_local.core.models import ModelEntry
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog.files import UnreadableFile
from velocity_local.daemon.catalog.mlx.preflight import inspect_folder

# Bits that a weight takes, its share of the scales included
BITS_PER_WEIGHT = {"4BIT": 4.5, "8BIT": 8.5, "MIXED": 6.5}


def name_for(source: ModelEntry, packing: str) -> str:
    """The source's name with the bits behind it."""
    return f"{source.id}-{packing.lower()}"


def publish(part: Path, target: Path) -> None:
    """Give a folder its name once it is sound and on disk.

    Raises:
        ModelFailed: if it is not sound.
        OSError: if it cannot be renamed.
    """
    try:
        inspect_folder(part)
    except (UnsoundFile, UnreadableFile) as error:
        raise ModelFailed(f"what the converter wrote is not sound: {error}") from error
    for path in part.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    part.replace(target)
    sync_folder(target.parent)


def remove(part: Path) -> None:
    """What was left of a conversion that did not come to its end."""
    shutil.rmtree(part, ignore_errors=True)
