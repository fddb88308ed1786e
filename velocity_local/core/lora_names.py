"""Names of a LoRA adapter's matrices in safetensors, as mlx-lm and PEFT write them.

mlx-lm has `PATH.lora_a` (in, rank) and `PATH.lora_b` (rank, out); PEFT has
`base_model.model.PATH.lora_A.weight` (rank, in) and `.lora_B.weight` (out, rank).
"""

import re
from typing import NamedTuple

SETTINGS_NAME = "adapter_config.json"
"""What both write beside the matrices."""
_PEFT = re.compile(
    r"^(?:base_model\.model\.)?(?P<path>.+)\.lora_(?P<half>[AB])(?:\.default)?\.weight$"
)
_MLX = re.compile(r"^(?P<path>.+)\.lora_(?P<half>[ab])$")


class Half(NamedTuple):
    """One of the two matrices that change the layer at `path`; PEFT's are transposed."""

    path: str
    letter: str
    is_transposed: bool


def half_of(name: str) -> Half | None:
    """What a tensor of that name is; None if it is no half of a pair."""
    found = _MLX.match(name) or _PEFT.match(name)
    if found is None:
        return None
    return Half(found["path"], found["half"].lower(), found["half"].isupper())
