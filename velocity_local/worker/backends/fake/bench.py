"""The scripted model, opened again and again with other options."""

from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends.fake.model import FakeBackend, load


def open_bench(path: str, _options: LoadOptions) -> "FakeBench":
    """Nothing is loaded before it is opened."""
    return FakeBench(path)


class FakeBench:
    """Implements `tuning.trial.Bench`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self, options: LoadOptions) -> FakeBackend:
        return load(self._path, options)

    def close(self) -> None:
        """There is nothing to free."""
