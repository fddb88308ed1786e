"""Would this model run here: a pure function of what it takes and what the machine has."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from velocity_local.core.fit import Fit, FitAsk, Machine, Need, QuantFit, Shape, Share, Verdict
from velocity_local.core.units import size

# Compute buffers, library and context of a driver on each processor that takes part.
GPU_OVERHEAD_BYTES = 320 * 1024 * 1024
SMALLEST_CONTEXT = 512
_CONTEXT_STEP = 256
# Bits per weight of whole files, from the finest to the coarsest that is still of use; what
# llama.cpp's quantizer makes of Llama 3 8B (tools/quantize/README.md).
BITS_PER_WEIGHT = {
    "F16": 16.0,
    "Q8_0": 8.5,
    "Q6_K": 6.56,
    "Q5_K_M": 5.70,
    "Q4_K_M": 4.89,
    "Q4_K_S": 4.67,
    "IQ4_XS": 4.46,
    "Q3_K_M": 4.02,
    "Q2_K": 3.16,
}
_RANK: dict[Verdict, int] = {"gpu": 3, "partly on gpu": 2, "cpu": 1, "unknown": 0, "too large": 0}

NeedAt = Callable[[int], Need]
"""The bytes of a load with so many cells."""


def judge(shape: Shape, ask: FitAsk, machine: Machine, need_at: NeedAt, *, n_ctx: int) -> Fit:
    """The verdict for `n_ctx` cells, with the largest context and the weights it also allows."""
    need = need_at(n_ctx)
    placed = place(shape, ask, machine, need)
    largest = _largest_context(shape, ask, machine, need_at, placed.verdict)
    quantizations = _quantizations(shape, ask, machine, need)
    return Fit(
        verdict=placed.verdict,
        reason=placed.reason,
        need=need,
        n_seq_max=ask.n_seq_max,
        kv_type=ask.kv_type,
        n_gpu_layers=placed.n_gpu_layers,
        n_layers=shape.layers,
        shares=placed.shares,
        largest_n_ctx=largest,
        best_quantization=_best(quantizations),
        quantizations=quantizations,
    )


class Placed(NamedTuple):
    verdict: Verdict
    reason: str
    n_gpu_layers: int
    shares: tuple[Share, ...]


def place(shape: Shape, ask: FitAsk, machine: Machine, need: Need) -> Placed:
    """Whole layers on the processors with memory of their own, as many as fit; the rest here."""
    most = _most_gpu_layers(shape, ask)
    shares = _gpu_shares(shape, machine, need, most)
    on_gpu = sum(share.layers for share in shares)
    host_bytes = _host_bytes(shape, need, on_gpu) + _shared_bytes(machine, shares)
    host = Share(machine.host.name, shape.layers - on_gpu, host_bytes, machine.host.free_bytes)
    shares = (*shares, host)
    if on_gpu < most and ask.n_gpu_layers is not None:
        wanted = "all" if ask.n_gpu_layers < 0 else ask.n_gpu_layers
        reason = f"{wanted} layers do not fit the GPU; {on_gpu} do"
        if not machine.gpus:
            reason = f"{wanted} layers are wanted on a GPU, and none can be used"
        return Placed("too large", reason, on_gpu, shares)
    if host_bytes > machine.host.free_bytes:
        missing = size(host_bytes - machine.host.free_bytes)
        reason = f"{missing} more would be needed of {machine.host.name}"
        return Placed("too large", reason, on_gpu, shares)
    if on_gpu == shape.layers:
        return Placed("gpu", "all layers fit the GPU", on_gpu, shares)
    if on_gpu:
        reason = f"{on_gpu} of {shape.layers} layers fit the GPU"
        return Placed("partly on gpu", reason, on_gpu, shares)
    told = "no GPU can be used" if not machine.gpus else "no layer is put on the GPU"
    return Placed("cpu", f"in {machine.host.name}; {told}", 0, shares)


def _most_gpu_layers(shape: Shape, ask: FitAsk) -> int:
    if ask.n_gpu_layers is None or ask.n_gpu_layers < 0:
        return shape.layers
    return min(ask.n_gpu_layers, shape.layers)


def _layer_bytes(shape: Shape, need: Need) -> int:
    movable = max(need.weights_bytes - shape.embedding_bytes, 0) + need.kv_bytes
    return -(-movable // shape.layers)


def _gpu_shares(shape: Shape, machine: Machine, need: Need, most: int) -> tuple[Share, ...]:
    """Device after device takes as many layers as it holds, the one with most room first: the
    fewer take part, the less goes between them.
    """
    layer_bytes = _layer_bytes(shape, need)
    shares: dict[int, Share] = {}
    left = most
    for index in sorted(range(len(machine.gpus)), key=lambda i: -machine.gpus[i].free_bytes):
        gpu = machine.gpus[index]
        fixed_bytes = need.compute_bytes + GPU_OVERHEAD_BYTES
        fixed_bytes += 0 if shares else need.companion_bytes
        layers = min(left, max(gpu.free_bytes - fixed_bytes, 0) // max(layer_bytes, 1))
        if layers:
            needed_bytes = layers * layer_bytes + fixed_bytes
            shares[index] = Share(gpu.name, layers, needed_bytes, gpu.free_bytes)
        left -= layers
    return tuple(shares[index] for index in sorted(shares))


def _host_bytes(shape: Shape, need: Need, on_gpu: int) -> int:
    """What stays in the machine's memory; a batch needs its buffers here too."""
    moved = on_gpu * _layer_bytes(shape, need) + (need.companion_bytes if on_gpu else 0)
    return max(need.total_bytes - moved, need.overhead_bytes + shape.embedding_bytes)


def _shared_bytes(machine: Machine, shares: tuple[Share, ...]) -> int:
    """What processors that work in the machine's own memory take of it."""
    sharing = {gpu.name for gpu in machine.gpus if gpu.shares_host}
    return sum(share.needed_bytes for share in shares if share.device in sharing)


def _largest_context(
    shape: Shape, ask: FitAsk, machine: Machine, need_at: NeedAt, verdict: Verdict
) -> int | None:
    """By bisection: the most cells with this verdict, or with any if it is none."""

    def fits(steps: int) -> bool:
        placed = place(shape, ask, machine, need_at(steps * _CONTEXT_STEP))
        wanted = _RANK[verdict] or _RANK["cpu"]
        return _RANK[placed.verdict] >= wanted

    low = SMALLEST_CONTEXT // _CONTEXT_STEP
    high = max((shape.context_length or SMALLEST_CONTEXT) // _CONTEXT_STEP, low)
    if not fits(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return min(low * _CONTEXT_STEP, shape.context_length or low * _CONTEXT_STEP)


def _quantizations(shape: Shape, ask: FitAsk, machine: Machine, need: Need) -> tuple[QuantFit, ...]:
    """The same load with other weights."""
    if not shape.parameters or not need.weights_bytes:
        return ()
    found = []
    for name, bits in BITS_PER_WEIGHT.items():
        weights_bytes = int(shape.parameters * bits / 8)
        scale = weights_bytes / need.weights_bytes
        other = replace(shape, embedding_bytes=int(shape.embedding_bytes * scale))
        placed = place(other, ask, machine, replace(need, weights_bytes=weights_bytes))
        found.append(QuantFit(name, weights_bytes, placed.verdict))
    return tuple(found)


def _best(quantizations: tuple[QuantFit, ...]) -> str | None:
    """The finest of those that run best."""
    top = max((_RANK[each.verdict] for each in quantizations), default=0)
    if not top:
        return None
    return next(each.quantization for each in quantizations if _RANK[each.verdict] == top)
