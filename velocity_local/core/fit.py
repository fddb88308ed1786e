"""What a model takes of a machine's memory, and whether it has it."""

from typing import Literal

import msgspec

KvType = Literal["f16", "q8_0", "f32"]
AUTOMATIC_KV_TYPE: KvType = "f16"
"""What the engine takes if nobody says and memory is not short."""
Heads = Literal["off", "auto", "on"]
"""Whether a model's own heads for further tokens are loaded; `auto`: where they cost little."""
Source = Literal["loaded", "dry run", "header", "file size"]
"""Where numbers come from, the surest first: a load of this machine's own, the engine asked for
sizes without taking memory, the formula over the file's header, the size of the file alone.
"""
Verdict = Literal["gpu", "partly on gpu", "cpu", "too large", "unknown"]


class Shape(msgspec.Struct, frozen=True, omit_defaults=True):
    """What decides a model's memory, from its header.

    Cells hold `full_width` numbers for each token, and `window_width` for each of the last
    `window` tokens; sequences hold `state_width` f32 each. Heads for further tokens hold
    `mtp_width` numbers for each token. `layers` counts the output.
    `embedding_bytes` of the weights stay with the host. `head_width` divides the numbers of every
    key and every value of a head; 0 if there are none. `pools` is True for models that embed.
    `doubt` says what the header does not tell; empty if it tells all.
    """

    layers: int
    weights_bytes: int
    embedding_bytes: int
    parameters: int
    context_length: int
    full_width: int
    window_width: int
    window: int
    state_width: int
    width: int
    feed_forward: int
    heads: int
    vocabulary: int
    head_width: int = 0
    mtp_width: int = 0
    is_mixture: bool = False
    pools: bool = False
    doubt: str = ""


class FitAsk(msgspec.Struct, frozen=True):
    """How a model would be loaded; None lets the machine decide. As in `LoadOptions`.

    Recurrent states are kept for `n_rollback` tokens back, each time whole.
    """

    n_ctx: int | None = None
    n_seq_max: int = 64
    n_batch: int = 512
    kv_type: KvType = "f16"
    n_gpu_layers: int | None = None
    flash_attention: bool | None = None
    heads: Heads = "auto"
    n_rollback: int = 0


class Need(msgspec.Struct, frozen=True):
    """Bytes of one load. `kv_bytes` includes recurrent states, `compute_bytes` the outputs.

    `overhead_bytes` are the process's own, `companion_bytes` those of adapters and of a model that
    guesses, which are loaded along. The true sum lies within `error_bytes` on either side;
    `doubt` says what is not known at all, and is empty if nothing is.
    """

    n_ctx: int
    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    overhead_bytes: int
    error_bytes: int
    source: Source
    doubt: str = ""
    companion_bytes: int = 0

    @property
    def engine_bytes(self) -> int:
        """What the engine itself reports of the model once it has loaded."""
        return self.weights_bytes + self.kv_bytes + self.compute_bytes

    @property
    def total_bytes(self) -> int:
        return self.engine_bytes + self.overhead_bytes + self.companion_bytes


class Device(msgspec.Struct, frozen=True):
    """Memory that a model may use; `free_bytes` is after the headroom for other programs.

    `shares_host` is True for a processor that works in the machine's own memory.
    """

    name: str
    total_bytes: int
    free_bytes: int
    shares_host: bool = False


class Machine(msgspec.Struct, frozen=True):
    host: Device
    gpus: tuple[Device, ...] = ()


class Share(msgspec.Struct, frozen=True):
    """What a device holds of the model: some of its layers (the output is one more)."""

    device: str
    layers: int
    needed_bytes: int
    free_bytes: int


class QuantFit(msgspec.Struct, frozen=True):
    """The same model with other weights; sizes are those of the type's usual bits per weight."""

    quantization: str
    weights_bytes: int
    verdict: Verdict


class Fit(msgspec.Struct, frozen=True):
    """The answer: where it would run, with what, and what else could be had.

    `n_gpu_layers` counts the output as a layer, as the engine does. `largest_n_ctx` is for the
    same verdict, and None if not even the smallest context fits. `best_quantization` is the
    finest that fits wholly on the fastest device that can hold any. `adjusted` says what would not
    have fitted where nobody asked for a context or a number format and less was chosen.
    """

    verdict: Verdict
    reason: str
    need: Need
    n_seq_max: int
    kv_type: KvType
    n_gpu_layers: int
    n_layers: int
    shares: tuple[Share, ...]
    largest_n_ctx: int | None
    best_quantization: str | None
    quantizations: tuple[QuantFit, ...] = ()
    adjusted: str = ""
