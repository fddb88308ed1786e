"""How a model is made ready: its caches, its limits, and what it takes, found by trying it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from velocity_local.core.models import Buffers, LoadedModel, LoadOptions, Pooling
from velocity_local.worker.backends.mlx import native, wired
from velocity_local.worker.backends.mlx.cells import Kinds, MakeCaches
from velocity_local.worker.backends.mlx.folder import ModelFolder, Settings
from velocity_local.worker.backends.mlx.native import LIBRARY_ERRORS, Cache, Model, caches, mx
from velocity_local.worker.backends.mlx.pooling import pooling_of
from velocity_local.worker.backends.mlx.states import FORMAT
from velocity_local.worker.backends.mlx.weights import load_model
from velocity_local.worker.engine.backend import BackendError, Capabilities, Truncation

# Cells of the cache if nobody says, as for the other engine
DEFAULT_CELLS = 8192
MAX_SEQUENCES = 255
# States of recurrent layers are held whole for each sequence
MAX_RECURRENT_SEQUENCES = 8
# Prompts are cut at multiples of this; what the library's own kernels take at a time divides it
PREFILL_TILE = 64
# Rows of logits of a pass that checks guesses, where there are fewer sequences than that
DRAFT_ROWS = 32
# Tokens of the pass that tells what a model needs
_TRIAL_TOKENS = 64
_CONTEXT_KEYS = ("max_position_embeddings", "max_sequence_length", "n_positions", "seq_length")
_UNTOLD_CONTEXT = 32_768
_WIDTH_KEYS = ("hidden_size", "d_model", "n_embd", "model_dim")


class Opened(NamedTuple):
    """A model that has computed once."""

    folder: ModelFolder
    model: Model
    make_caches: MakeCaches
    capabilities: Capabilities
    buffers: Buffers
    kv_bytes_per_token: int
    n_ctx_train: int
    n_embd: int
    n_threads: int

    def describe(self, *, has_chat_template: bool, load_ms: float) -> LoadedModel:
        capabilities = self.capabilities
        return LoadedModel(
            n_vocab=capabilities.n_vocab,
            n_ctx=capabilities.n_ctx,
            n_cells=capabilities.n_cells,
            n_ctx_train=self.n_ctx_train,
            n_embd=self.n_embd,
            n_seq_max=capabilities.n_seq_max,
            n_threads=self.n_threads,
            can_generate=capabilities.can_generate,
            can_embed=capabilities.can_embed,
            has_chat_template=has_chat_template,
            pooling=capabilities.pooling,
            device=native.device_name(),
            description=_description(self.folder.config),
            load_ms=load_ms,
            memory_bytes=self.buffers.total_bytes,
            kv_bytes_per_token=self.kv_bytes_per_token,
            buffers=self.buffers,
        )


class _Trial(NamedTuple):
    """What one pass of `_TRIAL_TOKENS` told."""

    n_vocab: int
    token_bytes: int
    state_bytes: int
    compute_bytes: int


def open_model(folder: ModelFolder, options: LoadOptions) -> Opened:
    """Read the weights, and try them.

    Raises:
        BackendError: for options that this engine does not have, and for models that it cannot
            run.
        NoMemoryError: if weights and cells are more than the device holds.
    """
    check_options(options)
    native.use_device(gpu=options.n_gpu_layers != 0)
    n_cells = options.n_ctx or DEFAULT_CELLS
    wired.check(folder.weights_bytes)
    model = load_model(folder)

    def make_caches() -> list[Cache]:
        return list(caches.make_prompt_cache(model))

    kinds = Kinds(make_caches())
    try:
        trial = _tried(model, make_caches(), kinds)
    except LIBRARY_ERRORS as error:
        raise BackendError(f"{folder.path.name} does not compute: {error}") from error
    capabilities = _capabilities(folder, options, kinds, trial, n_cells=n_cells)
    buffers = Buffers(
        weights_bytes=native.n_bytes(model.parameters()),
        kv_bytes=trial.token_bytes * n_cells + trial.state_bytes * capabilities.n_seq_max,
        compute_bytes=trial.compute_bytes * -(-capabilities.n_batch // _TRIAL_TOKENS)
        + 4 * trial.n_vocab * capabilities.n_logits,
    )
    wired.reserve(buffers.total_bytes)
    return Opened(
        folder,
        model,
        make_caches,
        capabilities,
        buffers,
        trial.token_bytes,
        context_length(folder.config),
        _width(folder.config),
        options.n_threads or 1,
    )


def check_options(options: LoadOptions) -> None:
    """Refuse by name what this engine cannot do.

    Raises:
        BackendError: naming the setting.
    """
    if options.kv_type not in {None, "f16"}:
        raise BackendError(
            f"engine.kv_type is {options.kv_type}; MLX keeps cells in 16 bits or as the model "
            "computes: leave it at f16"
        )


def context_length(config: Settings) -> int:
    """Tokens that the model was trained for."""
    for part in (config, config.get("text_config")):
        for key in _CONTEXT_KEYS:
            length = part.get(key) if isinstance(part, dict) else None
            if type(length) is int and length > 0:
                return length
    return _UNTOLD_CONTEXT


def _tried(model: Model, fresh: list[Cache], kinds: Kinds) -> _Trial:
    """Compute something, and look at what it left."""
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    logits = model(mx.zeros((1, _TRIAL_TOKENS), mx.int32), cache=fresh)
    if logits.ndim != 3:
        raise BackendError("the model gives no logits of tokens")
    mx.eval(logits, [cache.state for cache in fresh])
    token_bytes = state_bytes = 0
    for cache, is_plain in zip(fresh, kinds.is_plain, strict=True):
        if is_plain:
            token_bytes += cache.nbytes // cache.keys.shape[2]
        else:
            state_bytes += _largest_bytes(cache)
    peak = mx.get_peak_memory() - before
    return _Trial(logits.shape[-1], token_bytes, state_bytes, max(0, peak))


def _largest_bytes(cache: Cache) -> int:
    """What a state or a whole window takes."""
    window = getattr(cache, "max_size", None)
    if window is None or cache.empty():
        return native.n_bytes(cache.state)
    return int(cache.nbytes // cache.keys.shape[2] * window)


def _width(config: Settings) -> int:
    """Of the vectors between the layers; 0 if the config does not tell."""
    for part in (config, config.get("text_config")):
        for key in _WIDTH_KEYS:
            width = part.get(key) if isinstance(part, dict) else None
            if isinstance(width, int):
                return width
    return 0


def _capabilities(
    folder: ModelFolder, options: LoadOptions, kinds: Kinds, trial: _Trial, *, n_cells: int
) -> Capabilities:
    has_states = kinds.truncation is Truncation.NEVER
    n_seq_max = min(options.n_seq_max, MAX_RECURRENT_SEQUENCES if has_states else MAX_SEQUENCES)
    n_batch = max(min(options.n_batch, n_cells), n_seq_max, PREFILL_TILE)
    pooling: Pooling = pooling_of(folder)
    n_ctx = min(n_cells, context_length(folder.config))
    return Capabilities(
        n_vocab=trial.n_vocab,
        n_ctx=n_ctx,
        n_cells=n_cells,
        n_seq_max=n_seq_max,
        n_batch=n_ctx if pooling != "none" else n_batch,
        n_logits=max(n_seq_max, min(DRAFT_ROWS, n_batch)),
        prefill_tile=PREFILL_TILE,
        tile_reaches_all=False,
        can_copy_part=kinds.all_plain,
        truncation=kinds.truncation,
        can_generate=pooling == "none",
        can_embed=pooling != "none",
        pooling=pooling,
        state_format=f"mlx {FORMAT} {trial.token_bytes} {trial.state_bytes}",
        shares_cells=False,
    )


def _description(config: Settings) -> str:
    quantization: Any = config.get("quantization")
    bits = quantization.get("bits") if isinstance(quantization, dict) else None
    form = f"{bits} bit" if bits else str(config.get("torch_dtype") or config.get("dtype") or "")
    parts: Sequence[str] = (str(config.get("model_type", "")), form, "MLX")
    return " ".join(part for part in parts if part)[:200]
