"""What may be held on a GPU, on a device that tells a size; and what loading MLX brings in."""

import subprocess
import sys
from typing import Any

import pytest

from tests.contract.backends.conftest import DEMO, HAS_MLX
from velocity_local.worker.engine.backend import NoMemoryError

LOADING = """
import sys
from velocity_local.core.models import LoadOptions
from velocity_local.worker import service
assert not {"mlx", "mlx_lm", "tokenizers"} & set(sys.modules)
from velocity_local.worker.backends import registry
registry.load(sys.argv[1], LoadOptions(backend="mlx", n_ctx=256, n_seq_max=2, n_batch=64)).close()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

if HAS_MLX:
    from velocity_local.worker.backends.mlx import wired

    class Metal:
        """What is asked of a Metal device, and what it was told."""

        cpu, gpu = "cpu", "gpu"

        def __init__(self, recommended: int, device: str = "gpu") -> None:
            self.metal = self
            self._recommended = recommended
            self._device = device
            self.told: dict[str, int] = {}

        def is_available(self) -> bool:
            return True

        def default_device(self) -> str:
            return self._device

        def device_info(self) -> dict[str, Any]:
            return {"max_recommended_working_set_size": self._recommended}

        def set_wired_limit(self, n: int) -> None:
            self.told["wired"] = n

        def set_memory_limit(self, n: int) -> None:
            self.told["memory"] = n

        def set_cache_limit(self, n: int) -> None:
            self.told["cache"] = n

    def test_what_was_loaded_is_held_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
        metal = Metal(1000)
        monkeypatch.setattr(wired, "mx", metal)
        wired.reserve(600)
        assert metal.told == {"wired": 600, "memory": 900, "cache": 300}

    def test_more_than_the_device_can_hold_is_refused_with_both_numbers(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        metal = Metal(1000)
        monkeypatch.setattr(wired, "mx", metal)
        with pytest.raises(NoMemoryError, match=r"needs 901 bytes .* can hold 900"):
            wired.reserve(901)
        assert metal.told == {}

    @pytest.mark.parametrize("metal", [Metal(1000, device="cpu"), Metal(0)])
    def test_where_nothing_is_wired_nothing_is_refused(
        metal: Metal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wired, "mx", metal)
        wired.reserve(10**15)
        assert metal.told == {}

    def test_mlx_is_loaded_with_its_model_and_without_transformers() -> None:
        command = [sys.executable, "-c", LOADING, str(DEMO.parent / "mlx")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        loaded = set(done.stdout.split())
        assert {"mlx", "mlx_lm", "tokenizers"} <= loaded
        assert not loaded & {"transformers", "huggingface_hub", "httpx2", "ssl", "torch"}
