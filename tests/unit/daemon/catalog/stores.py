"""The folders of other programs, as they lay them out."""

import hashlib
import json
import os
from pathlib import Path

from tests.support.gguf import LLAMA, gguf
from velocity_local.config.stores import StorePaths

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HOST = "models.example"


class Stores:
    def __init__(self, root: Path) -> None:
        self.paths = StorePaths(root / "hf", root / "ollama", (root / "lm",))

    def huggingface(self, repository: str, name: str, data: bytes) -> Path:
        """A blob and the link to it; the link's path."""
        folder = self.paths.huggingface / f"models--{repository.replace('/', '--')}"
        blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
        link = folder / "snapshots" / COMMIT / name
        for path in (blob, link):
            path.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link.symlink_to(os.path.relpath(blob, link.parent))
        return link

    def ollama(self, name: str, tag: str, data: bytes, *, digest: str | None = None) -> Path:
        """A manifest and its blob; the blob's path."""
        found = digest or f"sha256:{hashlib.sha256(data).hexdigest()}"
        blob = self.paths.ollama / "blobs" / f"sha256-{hashlib.sha256(data).hexdigest()}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        manifest = self.paths.ollama / "manifests" / HOST / "library" / name / tag
        manifest.parent.mkdir(parents=True, exist_ok=True)
        layers = [
            {"mediaType": "application/vnd.ollama.image.params", "digest": "sha256:" + "0" * 64},
            {"mediaType": "application/vnd.ollama.image.model", "digest": found},
        ]
        manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
        return blob

    def lm_studio(self, path: str, data: bytes) -> Path:
        file = self.paths.lm_studio[0] / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file


def named(name: str) -> bytes:
    """A sound model that is like no other."""
    return gguf(LLAMA | {"general.name": name})
