"""The verbs quantize and convert: models in smaller types. The daemon writes, and this looks on."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.watching import bar, watch
from velocity_local.client import api
from velocity_local.core.library import Quantization


def quantize(call: Call) -> int:
    """Write a model of 16 or 32 bits in a smaller type, and wait for it."""
    return _watched(call, call.args.type)


def convert(call: Call) -> int:
    """Write a folder of safetensors in fewer bits for MLX, and wait for it."""
    bits = call.args.bits or "4"
    return _watched(call, bits if bits == "mixed" else f"{bits}bit")


def _watched(call: Call, type_: str) -> int:
    args, client = call.args, call.connect()
    started = api.start_quantization(client, args.model, type_, args.name)

    def probe() -> Quantization | None:
        now = api.quantization(client, started.id)
        call.out.progress(f"{bar(now.done / max(now.total, 1))} {now.done} of {now.total} tensors")
        return None if now.state == "running" else now

    try:
        ended = watch(probe, call.out, "the quantizing")
    except KeyboardInterrupt:
        api.cancel_quantization(client, started.id)
        return Exit.INTERRUPTED
    if args.json:
        call.out.json("quantize/1", quantization=ended)
    if ended.state != "done":
        raise CliError(ended.error or f"quantizing {ended.source} was cancelled")
    if not args.json:
        call.out.line(ended.model)
    return Exit.OK
