"""Whether a folder is of an embedding model, and how it pools: sentence-transformers' settings."""

from velocity_local.core.models import Pooling
from velocity_local.worker.backends.mlx.folder import ModelFolder
from velocity_local.worker.engine.backend import BackendError

_MODES: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_mean_tokens": "mean",
}


def pooling_of(folder: ModelFolder) -> Pooling:
    """How vectors of tokens become one of a text; none for models that write.

    Raises:
        BackendError: for a way that is not known.
    """
    if not folder.pooling:
        return "none"
    chosen = [key for key, value in folder.pooling.items() if value is True and "mode" in key]
    if len(chosen) != 1 or chosen[0] not in _MODES:
        raise BackendError(f"1_Pooling/config.json asks for {chosen}; one of {sorted(_MODES)}")
    return _MODES[chosen[0]]
