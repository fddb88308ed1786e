"""What loads of this machine took, beside what had been expected of them."""

import msgspec


class LoadRow(msgspec.Struct, frozen=True):
    """One load. `options` is JSON; an estimate is None if none was made."""

    at_s: float
    model: str
    fingerprint: str
    options: str
    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    load_ms: float
    formula_bytes: int | None = None
    dry_run_bytes: int | None = None

    @property
    def engine_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes
