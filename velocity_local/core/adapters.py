"""What a LoRA adapter is, as far as callers need to know."""

import msgspec

SEPARATOR = ":"


class Adapter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A low-rank change to one model's weights, in a GGUF file of its own.

    It is asked for as `model:name`. `path` is absolute, `fingerprint` identifies the file's
    content and `modified_ns` its state when it was read. Its change is multiplied by `scale`,
    beside the factor (alpha / rank) in the file.
    """

    model: str
    name: str
    path: str
    fingerprint: str
    size_bytes: int
    rank: int
    tensors: int
    scale: float = 1.0
    modified_ns: int = 0

    @property
    def id(self) -> str:
        """The name under which it is asked for."""
        return f"{self.model}{SEPARATOR}{self.name}"

    @property
    def key(self) -> str:
        """The same only for what gives the same output: content and scale, whatever the name."""
        return f"{self.fingerprint}@{self.scale:g}"
