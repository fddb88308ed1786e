"""The verbs about memory: fit, load, unload, pin and unpin."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api, memory
from velocity_local.core.fit import Share, Source, Verdict
from velocity_local.core.units import moment, size
from velocity_local.wire.http.admin import ModelItem
from velocity_local.wire.http.fit import FitAnswer

_SOURCES: dict[Source, str] = {
    "loaded": "the same load before, on this machine",
    "dry run": "the engine's own sizes, nothing loaded",
    "header": "the formula over the file's header",
    "file size": "the size of the file",
}
_WORDS: dict[Verdict, str] = {
    "gpu": "fits the GPU",
    "partly on gpu": "fits in part on the GPU",
    "cpu": "fits",
    "too large": "does not fit",
    "unknown": "unknown",
}


def fit(call: Call) -> int:
    """Whether a model fits this machine, and with what."""
    args = call.args
    answer = memory.fit(
        call.connect(),
        args.model,
        n_ctx=args.ctx,
        n_seq_max=args.parallel,
        kv_type=args.kv_type,
        n_gpu_layers=args.gpu_layers,
    )
    if args.json:
        call.out.json("fit/1", fit=answer)
    else:
        call.out.fields(_fields(answer))
    return Exit.DOES_NOT_FIT if answer.verdict == "too large" else Exit.OK


def load(call: Call) -> int:
    """Load a model now, and say what it was loaded with."""
    return _told(call, "load", memory.load(call.connect(), call.args.model, call.args.keep_alive))


def unload(call: Call) -> int:
    """End a model's process once its requests are done."""
    return _told(call, "unload", api.unload(call.connect(), call.args.model))


def pin(call: Call) -> int:
    """Keep a model loaded whatever else is wanted."""
    return _told(call, "pin", memory.pin(call.connect(), call.args.model, is_pinned=True))


def unpin(call: Call) -> int:
    """Let a model be unloaded for another again."""
    return _told(call, "unpin", memory.pin(call.connect(), call.args.model, is_pinned=False))


def events(call: Call) -> int:
    """What the daemon did with models by itself, and why."""
    notices = memory.notices(call.connect())
    if call.args.json:
        call.out.json("events/1", events=notices)
    elif not notices:
        call.out.note("No model was unloaded or refused since the daemon's start.")
    else:
        for notice in notices:
            call.out.line(f"{moment(notice.at_s)} {notice.model} {notice.kind}: {notice.text}")
    return Exit.OK


def _told(call: Call, verb: str, model: ModelItem) -> int:
    if call.args.json:
        call.out.json(f"{verb}/1", model=model)
        return Exit.OK
    loaded = model.loaded
    with_ = f", {loaded.n_cells} tokens of KV cache on {loaded.device}" if loaded else ""
    pinned = ", pinned" if model.is_pinned else ""
    call.out.line(f"{model.id} is {model.state}{with_}{pinned}")
    return Exit.OK


def _fields(answer: FitAnswer) -> dict[str, str]:
    need = answer.need
    largest = answer.largest_n_ctx
    return {
        "model": answer.model,
        "verdict": f"{_WORDS[answer.verdict]}: {answer.reason}",
        "chosen": _chosen(answer),
        "memory": f"{size(need.total_bytes)}, give or take {size(need.error_bytes)}",
        "weights": size(need.weights_bytes),
        "KV cache": f"{size(need.kv_bytes)} for {need.n_ctx} tokens in {answer.kv_type}",
        "buffers": f"{size(need.compute_bytes)} for {answer.n_seq_max} sequences",
        "process": size(need.overhead_bytes),
        "loaded along": size(need.companion_bytes) if need.companion_bytes else "",
        **{share.device: _share(share, answer.n_layers) for share in answer.shares},
        "largest context": f"{largest} tokens of one conversation" if largest else "none fits",
        "best quantization": answer.best_quantization or "none fits",
        "by": _SOURCES[need.source] + (f"; {need.doubt}" if need.doubt else ""),
    }


def _chosen(answer: FitAnswer) -> str:
    """What the machine took by itself, where that is less than usual."""
    if not answer.adjusted:
        return ""
    return f"{answer.need.n_ctx} tokens of context in {answer.kv_type}: {answer.adjusted}"


def _share(share: Share, n_layers: int) -> str:
    """Layers are told where the model is known in layers."""
    layers = f"{share.layers} of {n_layers} layers, " if n_layers > 1 else ""
    return f"{layers}{size(share.needed_bytes)} of {size(share.free_bytes)} free"
