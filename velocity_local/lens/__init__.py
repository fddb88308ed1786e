"""Measures servers of language models: see `Lens`, and docs/lens.md."""

from velocity_local.lens.api import Lens
from velocity_local.lens.errors import LensError
from velocity_local.lens.loads import (
    Burst,
    Concurrency,
    Constant,
    Iterations,
    Poisson,
    Ramp,
    Replay,
    Step,
)
from velocity_local.lens.results import CacheState, Metric, RequestRecord, RunResult
from velocity_local.lens.scenarios import (
    Embeddings,
    Patience,
    PromptFile,
    Quota,
    Retries,
    Scenario,
    Slo,
    Synthetic,
    Target,
)

__all__ = [
    "Burst",
    "CacheState",
    "Concurrency",
    "Constant",
    "Embeddings",
    "Iterations",
    "Lens",
    "LensError",
    "Metric",
    "Patience",
    "Poisson",
    "PromptFile",
    "Quota",
    "Ramp",
    "Replay",
    "RequestRecord",
    "Retries",
    "RunResult",
    "Scenario",
    "Slo",
    "Step",
    "Synthetic",
    "Target",
]
