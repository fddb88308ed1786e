"""The models in a repository: which files belong together, and which one is meant."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from velocity_local.core.downloads import Variant
from velocity_local.core.errors import InvalidRequest, ModelNotFound
from velocity_local.daemon.catalog.downloads.reference import Reference, is_safe_path
from velocity_local.daemon.catalog.files import SUFFIX, split_of
from velocity_local.daemon.catalog.hub import HubFile, Repository

_QUANTIZATION = re.compile(
    r"(?i)(?<![A-Za-z0-9])(?:UD-)?(?:(?:I?Q|TQ)\d(?:_[A-Z0-9]+)*|BF16|FP?16|FP?32|MXFP4(?:_MOE)?"
    r"|NVFP4)(?![A-Za-z0-9])"
)
# What is no model of its own: projectors, drafts, and what quantizers leave behind.
_COMPANION = re.compile(r"(?i)(?<![a-z])(mmproj|imatrix)(?![a-z])|^mtp-")
_PROJECTOR = re.compile(r"(?i)(?<![a-z])mmproj(?![a-z])")
_DRAFT = re.compile(r"(?i)^mtp-")
# A projector is small and loses most by quantization.
_PROJECTOR_RANK = ("F16", "BF16", "F32", "Q8_0")
_SHOWN = 12


def variants(repository: Repository) -> tuple[Variant, ...]:
    """The models that can be pulled as a whole, smallest first. Unsafe names are not offered."""
    models: dict[str, list[HubFile]] = {}
    for file in repository.files:
        if _is_model(file.path):
            models.setdefault(_model_of(file.path), []).append(file)
    companions = [file for file in repository.files if is_companion(file.path)]
    found = [
        _variant(model, files, companions) for model, files in models.items() if _is_whole(files)
    ]
    return tuple(sorted(found, key=lambda variant: (variant.size_bytes, variant.files)))


def mlx_bytes(repository: Repository) -> int:
    """The weights of a repository in MLX's format; 0 if it has none."""
    names = {file.path for file in repository.files}
    weights = (file for file in repository.files if file.path.endswith(".safetensors"))
    return sum(file.size_bytes for file in weights) if "config.json" in names else 0


def choose(repository: Repository, reference: Reference) -> Variant:
    """The model that is meant; without quantization or file the only one there is.

    Raises:
        ModelNotFound: if there is none such; those that are there are told.
        InvalidRequest: if it may be several.
    """
    offered = variants(repository)
    matching = [variant for variant in offered if _is_meant(variant, reference)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise ModelNotFound(_nothing(repository.id, reference, offered), param="model")
    names = _shown(variant.quantization or variant.files[0] for variant in matching)
    if len({variant.quantization for variant in matching}) == 1:
        names = _shown(variant.files[0] for variant in matching)
    raise InvalidRequest(
        f"{repository.id} has {len(matching)} such models ({names}); say which, as"
        " OWNER/REPO:QUANT or OWNER/REPO/FILE.gguf",
        param="model",
    )


def model_path(variant: Variant) -> str:
    """The model's path in the repository without its suffix and part number."""
    return _model_of(variant.files[0])


def _is_model(path: str) -> bool:
    is_own = not _COMPANION.search(_name(path))
    return path.lower().endswith(SUFFIX) and is_safe_path(path) and is_own


def _model_of(path: str) -> str:
    plain = PurePosixPath(path).with_suffix("")
    split = split_of(plain.name)
    return str(plain.with_name(split[0]) if split else plain)


def _is_whole(files: Sequence[HubFile]) -> bool:
    """Whether these are all parts of one model, each once."""
    splits = [split_of(PurePosixPath(file.path).stem) for file in files]
    if splits == [None]:
        return True
    parts = sorted(split[1] for split in splits if split is not None)
    counts = {split[2] for split in splits if split is not None}
    return (
        len(parts) == len(files) and counts == {len(files)} and parts == [*range(1, len(files) + 1)]
    )


def _variant(model: str, files: Sequence[HubFile], companions: Sequence[HubFile]) -> Variant:
    paths = tuple(sorted(file.path for file in files))
    quantization = _quantization(model)
    fitting = _companions_of(quantization, companions)
    return Variant(
        quantization,
        paths,
        sum(file.size_bytes for file in (*files, *fitting)),
        tuple(file.path for file in fitting),
    )


def _companions_of(quantization: str, companions: Sequence[HubFile]) -> list[HubFile]:
    """The best projector, and the draft of the same quantization."""
    projectors = [file for file in companions if _PROJECTOR.search(_name(file.path))]
    drafts = [
        file
        for file in companions
        if _DRAFT.search(_name(file.path)) and _quantization(file.path) == quantization
    ]
    return [*sorted(projectors, key=_projector_rank)[:1], *drafts[:1]]


def _projector_rank(file: HubFile) -> tuple[int, str]:
    quantization = _quantization(file.path)
    is_known = quantization in _PROJECTOR_RANK
    return _PROJECTOR_RANK.index(quantization) if is_known else len(_PROJECTOR_RANK), file.path


def is_companion(path: str) -> bool:
    """Whether a file of this name goes with models of its folder and is none."""
    name = _name(path)
    is_wanted = bool(_PROJECTOR.search(name) or _DRAFT.search(name))
    return is_wanted and path.lower().endswith(SUFFIX) and is_safe_path(path)


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _quantization(model: str) -> str:
    found = _QUANTIZATION.findall(_name(model))
    return found[-1].upper() if found else ""


def _is_meant(variant: Variant, reference: Reference) -> bool:
    if reference.file is not None:
        return reference.file in variant.files
    if reference.quantization is not None:
        return variant.quantization == reference.quantization.upper()
    return True


def _nothing(name: str, reference: Reference, offered: Sequence[Variant]) -> str:
    if not offered:
        return f"{name} has no GGUF model; its GGUF conversions are often in a repository beside it"
    wanted = reference.file or reference.quantization
    choices = _shown(variant.quantization or variant.files[0] for variant in offered)
    return f"{name} has no {wanted}; it has {choices}"


def _shown(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
