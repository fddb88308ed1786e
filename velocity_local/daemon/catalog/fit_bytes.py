"""How many bytes a load takes, from the header alone.

Cells and states: `src/llama-kv-cache*.cpp`, `src/llama-memory-recurrent.cpp` of llama.cpp. The
buffers of a forward pass follow no documented rule; the formula here was found by asking the
engine for models of 0.6 to 70 billion parameters, and is exact for dense ones.
"""

from velocity_local.core.fit import FitAsk, Need, Shape
from velocity_local.daemon.catalog.facts import MAX_CONTEXT, MAX_LAYERS
from velocity_local.daemon.catalog.fit_layers import read_layers, whole_number
from velocity_local.daemon.catalog.gguf import Header

# What the engine takes if nobody says.
AUTOMATIC_CONTEXT = 8192
# The interpreter, the engine's code, the vocabulary.
OVERHEAD_BYTES = 128 * 1024 * 1024
MAX_RECURRENT_SEQUENCES = 8
# Of a model's own heads: tokens of a batch, and hidden states kept for each sequence
_HEADS_BATCH, _HIDDEN_ROWS = 128, 96
_BITS = {"f16": 16, "f32": 32, "q8_0": 8.5}
_F32 = 4
# Numbers of llama_pooling_type in llama.h: mean, cls, last, rank
_POOLED = {1, 2, 3, 4}
_WINDOW_PADDING = 256
_DOUBTFUL_PERCENT = 40
_FORMULA_PERCENT = 5
_COMPUTE_PERCENT, _ODD_COMPUTE_PERCENT = 30, 150


def read_shape(header: Header, *, size_bytes: int | None = None, parameters: int = 0) -> Shape:
    """What the header says; `size_bytes` and `parameters` are those of all files of a model in
    parts.

    Raises:
        GgufError: if a value is of the wrong type or absurd.
    """
    weights_bytes = (size_bytes or header.size_bytes) - header.data_offset
    parameters = parameters or header.parameters
    width = whole_number(header, "embedding_length")
    vocabulary = header.vocabulary or whole_number(header, "vocab_size")
    forward = whole_number(header, "feed_forward_length")
    experts = whole_number(header, "expert_used_count")
    expert_forward = whole_number(header, "expert_feed_forward_length") or forward
    kept = read_layers(header)
    windowed = sum(layer.key + layer.value for layer in kept.layers if layer.is_windowed)
    return Shape(
        layers=whole_number(header, "block_count", at_most=MAX_LAYERS) + 1,
        weights_bytes=weights_bytes,
        embedding_bytes=int(weights_bytes * min(width * vocabulary / max(parameters, 1), 1.0)),
        parameters=parameters,
        context_length=whole_number(header, "context_length", at_most=MAX_CONTEXT),
        full_width=sum(layer.key + layer.value for layer in kept.layers) - windowed,
        window_width=windowed,
        window=kept.window,
        state_width=sum(layer.state for layer in kept.layers),
        width=width,
        feed_forward=max(forward, experts * expert_forward),
        heads=whole_number(header, "attention.head_count"),
        vocabulary=vocabulary,
        head_width=kept.head_width,
        mtp_width=kept.mtp,
        is_mixture=experts > 0,
        pools=_pooling(header) in _POOLED or not kept.layers,
        doubt=kept.doubt,
    )


def _pooling(header: Header) -> object:
    return header.values.get(f"{header.values.get('general.architecture')}.pooling_type")


def need_of(shape: Shape, ask: FitAsk) -> Need:
    """Bytes by formula, with how far they may be off."""
    n_ctx = ask.n_ctx or AUTOMATIC_CONTEXT
    n_sequences = _sequences(shape, ask)
    n_batch = max(min(ask.n_batch, n_ctx), n_sequences)
    if shape.pools:  # a whole input is one batch
        n_batch = min(shape.context_length, n_ctx)
    kv_bytes = _kv_bytes(shape, ask, n_ctx, n_sequences, n_batch)
    compute_bytes = _compute_bytes(shape, ask, n_ctx, n_sequences, n_batch)
    compute_bytes += _heads_bytes(shape, ask, n_ctx, n_sequences, n_batch)
    return Need(
        n_ctx=n_ctx,
        weights_bytes=shape.weights_bytes,
        kv_bytes=kv_bytes,
        compute_bytes=compute_bytes,
        overhead_bytes=OVERHEAD_BYTES,
        error_bytes=_error_bytes(shape, shape.weights_bytes + kv_bytes, compute_bytes),
        source="header",
        doubt=shape.doubt,
    )


def need_of_size(size_bytes: int, parameters: int, ask: FitAsk) -> Need:
    """Bytes of a model of which only the size of its files is known, before it is fetched.

    Keys and values of a token take about 1/60,000 of the parameters in f16, from 1/100,000 with
    grouped heads to 1/20,000 without: hence the wide error.
    """
    n_ctx = ask.n_ctx or AUTOMATIC_CONTEXT
    guessed = parameters or size_bytes * 8 // 5
    kv_bytes = int(guessed / 60_000 * n_ctx * _BITS[ask.kv_type] / 8)
    compute_bytes = 128 * 1024 * 1024
    return Need(
        n_ctx=n_ctx,
        weights_bytes=size_bytes,
        kv_bytes=kv_bytes,
        compute_bytes=compute_bytes,
        overhead_bytes=OVERHEAD_BYTES,
        error_bytes=size_bytes // 20 + kv_bytes + compute_bytes,
        source="file size",
        doubt="only the size of its files is known",
    )


def shape_of_size(size_bytes: int, parameters: int) -> Shape:
    """A model in one piece: without its header it cannot be told into layers."""
    return Shape(
        layers=1,
        weights_bytes=size_bytes,
        embedding_bytes=0,
        parameters=parameters,
        context_length=0,
        full_width=0,
        window_width=0,
        window=0,
        state_width=0,
        width=0,
        feed_forward=0,
        heads=0,
        vocabulary=0,
        doubt="only the size of its files is known",
    )


def _error_bytes(shape: Shape, known_bytes: int, compute_bytes: int) -> int:
    is_dense = not (shape.pools or shape.is_mixture or shape.state_width)
    known = _DOUBTFUL_PERCENT if shape.doubt else _FORMULA_PERCENT
    compute = _COMPUTE_PERCENT if is_dense else _ODD_COMPUTE_PERCENT
    return (known_bytes * known + compute_bytes * compute) // 100


def _sequences(shape: Shape, ask: FitAsk) -> int:
    return min(ask.n_seq_max, MAX_RECURRENT_SEQUENCES) if shape.state_width else ask.n_seq_max


def _kv_bytes(shape: Shape, ask: FitAsk, n_ctx: int, n_sequences: int, n_batch: int) -> int:
    windows = shape.window * n_sequences + n_batch
    # The engine takes the whole cache where windows add up to it.
    padded = -(-min(n_ctx, windows) // _WINDOW_PADDING) * _WINDOW_PADDING
    windowed_cells = n_ctx if windows >= n_ctx else padded
    numbers = shape.full_width * n_ctx + shape.window_width * windowed_cells
    if _has_heads(shape, ask):
        numbers += shape.mtp_width * n_ctx
    n_states = n_sequences * (1 + ask.n_rollback)
    return int(numbers * _BITS[ask.kv_type] / 8) + shape.state_width * n_states * _F32


def _has_heads(shape: Shape, ask: FitAsk) -> bool:
    is_cheap = not shape.state_width
    return shape.mtp_width > 0 and (ask.heads == "on" or (ask.heads == "auto" and is_cheap))


def _heads_bytes(shape: Shape, ask: FitAsk, n_ctx: int, n_sequences: int, n_batch: int) -> int:
    """What heads compute with, and the states that are kept for them."""
    if not _has_heads(shape, ask):
        return 0
    n_rows = n_sequences * _HIDDEN_ROWS + n_batch
    own_batch = max(_HEADS_BATCH, n_sequences)
    own_bytes = _compute_bytes(shape, ask, n_ctx, n_sequences, own_batch)
    return own_bytes + n_rows * shape.width * _F32


def _compute_bytes(shape: Shape, ask: FitAsk, n_ctx: int, n_sequences: int, n_batch: int) -> int:
    """Buffers of a batch, and the rows of logits that it leaves."""
    mask = n_batch * n_ctx * (4 if ask.flash_attention is False else 2)
    scores = n_batch * n_ctx * shape.heads * _F32 if ask.flash_attention is False else 0
    in_layer = n_batch * (3 * shape.feed_forward + 4 * shape.width) * _F32 + mask + scores
    rows, columns = (n_batch, shape.width) if shape.pools else (n_sequences, shape.vocabulary)
    at_end = (rows * (columns + shape.width) + n_batch * shape.width) * _F32
    return max(in_layer, at_end) + rows * columns * _F32
