"""One model folder, opened again and again with other options."""

from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends.mlx.model import MlxBackend, load


def open_bench(path: str, _options: LoadOptions) -> "MlxBench":
    """Nothing is loaded before it is opened."""
    return MlxBench(path)


class MlxBench:
    """Implements `tuning.trial.Bench`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self, options: LoadOptions) -> MlxBackend:
        return load(self._path, options)

    def close(self) -> None:
        """Every backend frees its own weights."""
