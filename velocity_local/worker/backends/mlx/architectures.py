"""Which of mlx-lm's model classes a config asks for. Names are looked up, never imported as given.

Other names of the same architecture are those of mlx_lm/utils.py (MODEL_REMAPPING).
"""

import re

from velocity_local.worker.backends.mlx import native
from velocity_local.worker.backends.mlx.folder import Settings
from velocity_local.worker.engine.backend import BackendError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SAME = {
    "deepseek_v41_text": "deepseek_v41",
    "falcon_mamba": "mamba",
    "gemma4_unified": "gemma4",
    "iquestcoder": "llama",
    "joyai_llm_flash": "deepseek_v3",
    "kimi_k2": "deepseek_v3",
    "llava": "mistral3",
    "minimax_m2": "minimax",
    "mistral": "llama",
    "phi-msft": "phixtral",
    "qwen2_5_vl": "qwen2_vl",
    "xverse": "llama",
}
_BY_CLASS = {("bailing_hybrid", "BailingMoeV3ForCausalLM"): "bailing_moe_v3"}


def name_of(config: Settings) -> str:
    """The name of mlx-lm's module.

    Raises:
        BackendError: if there is none for this model.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not _NAME.fullmatch(model_type):
        raise BackendError(f"config.json has the model_type {str(model_type)[:80]!r}")
    name = _SAME.get(model_type, model_type)
    for architecture in config.get("architectures") or ():
        name = _BY_CLASS.get((model_type, architecture), name)
    if not native.has_architecture(name):
        raise BackendError(
            f"models of type {model_type!r} are not known to this engine; "
            "take a GGUF file of the model, if there is one"
        )
    return name
