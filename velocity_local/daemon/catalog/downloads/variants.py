"""The models in a repository: which files belong together, and which one is meant.

GGUF files by quantization, and of a repository for MLX the one model that it is.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from velocity_local.core.downloads import Variant
from velocity_local.core.errors import InvalidRequest, ModelNotFound
from velocity_local.daemon.catalog.downloads.reference import Reference, is_safe_path
from velocity_local.daemon.catalog.files import SUFFIX, split_of
from velocity_local.daemon.catalog.hub import HubFile, Repository
from velocity_local.daemon.catalog.mlx.files import CONFIG, TOKENIZER, is_wanted, is_weights

_QUANTIZATION = re.compile(
    r"(?i)(?<![A-Za-z0-9])(?:UD-)?(?:(?:I?Q|TQ)\d(?:_[A-Z0-9]+)*|BF16|FP?16|FP?32|MXFP4(?:_MOE)?"
    r"|NVFP4)(?![A-Za-z0-9])"
)
_MLX_QUANTIZATION = re.compile(
    r"(?i)(?<![a-z0-9])(?:[2-8]bit|mxfp[48]|nvfp4|bf16|fp16|fp32)(?![a-z0-9])"
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
    mlx = mlx_variant(repository)
    found += [mlx] if mlx is not None else []
    return tuple(sorted(found, key=lambda variant: (variant.size_bytes, variant.files)))


def mlx_variant(repository: Repository) -> Variant | None:
    """The model that a repository for MLX is; None if it is none, or lacks a part of one."""
    files = [file for file in repository.files if is_wanted(file.path)]
    names = {file.path for file in files}
    weights = [file for file in files if is_weights(file.path)]
    is_complete = CONFIG in names and bool(weights) and TOKENIZER in names
    if not repository.is_mlx or not is_complete or not _are_whole(weights):
        return None
    return Variant(
        _mlx_quantization(repository.id),
        (CONFIG, *sorted(names - {CONFIG})),
        sum(file.size_bytes for file in files),
        format="mlx",
    )


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


def model_id(repository: Repository, variant: Variant) -> str:
    """What the model is called here: the repository, and its path there without suffix and part
    number; a model in MLX's format is the whole repository.
    """
    if variant.format == "mlx":
        return repository.id
    return f"{repository.id}/{_model_of(variant.files[0])}"


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


def _are_whole(weights: Sequence[HubFile]) -> bool:
    """Whether no shard is missing."""
    models: dict[str, list[HubFile]] = {}
    for file in weights:
        models.setdefault(_model_of(file.path), []).append(file)
    return all(_is_whole(files) for files in models.values())


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


def _mlx_quantization(name: str) -> str:
    found = _MLX_QUANTIZATION.findall(name)
    return found[-1].lower() if found else ""


def _is_meant(variant: Variant, reference: Reference) -> bool:
    if reference.file is not None:
        return reference.file in variant.files
    if reference.quantization is not None:
        return variant.quantization.casefold() == reference.quantization.casefold()
    return True


def _nothing(name: str, reference: Reference, offered: Sequence[Variant]) -> str:
    if not offered:
        return (
            f"{name} has no model in GGUF or MLX's format; conversions are often in a repository"
            f" beside it: velocity-local search {name.partition('/')[2]}"
        )
    wanted = reference.file or reference.quantization
    choices = _shown(variant.quantization or variant.files[0] for variant in offered)
    return f"{name} has no {wanted}; it has {choices}"


def _shown(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
