"""What a model can be loaded with instead where memory is short. Pure: options in, options out."""

from collections.abc import Iterator

from msgspec.structs import replace

from velocity_local.core.fit import AUTOMATIC_KV_TYPE, KvType, Shape
from velocity_local.core.models import LoadOptions
from velocity_local.daemon.catalog.fit_bytes import AUTOMATIC_CONTEXT

SMALLEST_CONTEXT = 512
SMALL_KV_TYPE: KvType = "q8_0"
# Numbers of a block of q8_0 (QK8_0 in ggml-common.h): heads must be whole blocks.
_BLOCK = 32


def economies(
    options: LoadOptions, asked: LoadOptions, shape: Shape | None
) -> Iterator[LoadOptions]:
    """Less and less, the smallest loss first: the cache's numbers, then its length. What was
    `asked` for stays.
    """
    if asked.kv_type is None and options.kv_type is None and _can_quantize(options, shape):
        options = replace(options, kv_type=SMALL_KV_TYPE)
        yield options
    while asked.n_ctx is None and (half := _halved(options)) is not None:
        options = half
        yield options


def second_try(options: LoadOptions, asked: LoadOptions, shape: Shape | None) -> LoadOptions | None:
    """For a load that ran out of memory: half the context, or smaller numbers if that is given."""
    if asked.n_ctx is None:
        return _halved(options)
    return next(economies(options, asked, shape), None)


def described(options: LoadOptions) -> str:
    """What decides the size of the cache, in words."""
    n_ctx = options.n_ctx or AUTOMATIC_CONTEXT
    return f"{n_ctx} tokens of context in {options.kv_type or AUTOMATIC_KV_TYPE}"


def _can_quantize(options: LoadOptions, shape: Shape | None) -> bool:
    """The engine quantizes whole blocks of a head, and reads them with fused attention only."""
    if shape is None or shape.pools or options.flash_attention is False:
        return False
    has_cache = shape.full_width + shape.window_width > 0
    return has_cache and shape.head_width > 0 and shape.head_width % _BLOCK == 0


def _halved(options: LoadOptions) -> LoadOptions | None:
    """None if that is too small to be of use."""
    half = (options.n_ctx or AUTOMATIC_CONTEXT) // 2
    return replace(options, n_ctx=half) if half >= SMALLEST_CONTEXT else None
