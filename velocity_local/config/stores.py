"""Where other programs keep models on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StorePaths:
    """Folders of the Hugging Face cache, of Ollama and of LM Studio; they need not be there."""

    huggingface: Path
    ollama: Path
    lm_studio: tuple[Path, ...]


def locate(environ: Mapping[str, str]) -> StorePaths:
    """The folders that the programs' own variables name, or their usual ones."""
    home = Path.home()
    return StorePaths(_huggingface(environ, home), _ollama(environ, home), _lm_studio(home))


def _huggingface(environ: Mapping[str, str], home: Path) -> Path:
    """As its own tools do: huggingface.co/docs/huggingface_hub, environment variables."""
    if cache := environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    if folder := environ.get("HF_HOME"):
        return Path(folder).expanduser() / "hub"
    caches = Path(environ.get("XDG_CACHE_HOME") or home / ".cache").expanduser()
    return caches / "huggingface" / "hub"


def _ollama(environ: Mapping[str, str], home: Path) -> Path:
    folder = environ.get("OLLAMA_MODELS")
    return Path(folder).expanduser() if folder else home / ".ollama" / "models"


def _lm_studio(home: Path) -> tuple[Path, ...]:
    return home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"
