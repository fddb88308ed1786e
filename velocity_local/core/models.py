"""What a model is, as far as callers need to know."""

from typing import Literal

import msgspec

from velocity_local.core.adapters import Adapter
from velocity_local.core.aliases import LoadConfig
from velocity_local.core.fit import Heads, KvType, Shape

ModelState = Literal["unloaded", "loading", "ready", "unloading", "failed"]
# off: never; auto: where it is expected to pay; on: always, whatever it costs
Speculation = Literal["off", "auto", "on"]
Pooling = Literal["none", "mean", "cls", "last", "rank"]


class ModelEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model on this machine, as read from its file's header without loading it.

    `fingerprint` identifies the file's content cheaply (a hash of size, header and samples of
    the data); `path` is absolute. `kv_bytes_per_token` is for f16, as the header suggests;
    `shape` is None where no formula is known.

    `alias` is set if it is loaded for itself under that name: `id` is the alias's then, `base_id`
    the model's own.

    `adapters` are those it can be used with, `adapter` the one that a caller named. `draft` is a
    smaller model that guesses for it.
    """

    id: str
    path: str
    format: Literal["gguf", "mlx"]
    size_bytes: int
    fingerprint: str
    created_s: int
    architecture: str = ""
    name: str = ""
    parameters: int = 0
    quantization: str = ""
    context_length: int = 0
    licence: str = ""
    has_chat_template: bool = False
    is_embedding: bool = False
    kv_bytes_per_token: int = 0
    shape: Shape | None = None
    adapters: tuple[Adapter, ...] = ()
    adapter: Adapter | None = None
    draft: "ModelEntry | None" = None
    base_id: str = ""
    alias: LoadConfig | None = None

    @property
    def asked_id(self) -> str:
        """The id under which it was asked for, the adapter's if one was named."""
        return self.id if self.adapter is None or self.alias else self.adapter.id


class LoadOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a model is loaded; None means the engine decides.

    `n_ctx` is the number of KV cells shared by all sequences; one sequence may use as many, but
    never more than the model was trained for. `gpu_split` has the layers of each of several GPUs;
    without it the engine divides them by free memory. `pass_ms` is what passes of
    so many rows took here.
    """

    n_ctx: int | None = None
    n_seq_max: int = 64
    n_batch: int = 512
    n_threads: int | None = None
    n_gpu_layers: int | None = None
    gpu_split: tuple[int, ...] = ()
    kv_type: KvType | None = None
    flash_attention: bool | None = None
    stall_target_ms: float = 250.0
    speculation: Speculation = "auto"
    heads: Heads = "auto"
    draft_path: str | None = None
    pass_ms: tuple[tuple[int, float], ...] = ()
    backend: Literal["llama_cpp", "mlx", "fake"] = "llama_cpp"
    backend_script: str | None = None


class Buffers(msgspec.Struct, frozen=True, omit_defaults=True):
    """Memory that the engine keeps for a model, each weight counted once: where the processor
    wants its own layout of them, the file's pages are left to the system, which takes them back.

    `kv_bytes` includes recurrent states, `compute_bytes` the rows of logits. `by_device` has the
    latter for each device, under the engine's names.
    """

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    by_device: dict[str, int] = {}

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes

    def with_host_bytes(self, size_bytes: int) -> "Buffers":
        """With so much more for computing, outside the engine's own devices."""
        return msgspec.structs.replace(self, compute_bytes=self.compute_bytes + size_bytes)


class LoadedModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the engine found once the model was loaded.

    `n_cells` is the size of the KV cache in tokens, shared by all sequences; one of them may use
    `n_ctx` at most. `memory_bytes` is the sum of `buffers`, and of those of a draft
    model that was loaded along.
    """

    n_vocab: int
    n_ctx: int
    n_cells: int
    n_ctx_train: int
    n_embd: int
    n_seq_max: int
    n_threads: int
    can_generate: bool
    can_embed: bool
    has_chat_template: bool
    pooling: Pooling
    device: str
    description: str
    load_ms: float
    memory_bytes: int
    kv_bytes_per_token: int
    buffers: Buffers | None = None
