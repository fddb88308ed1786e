"""What somebody asks to be pulled: OWNER/REPO, OWNER/REPO:QUANT, OWNER/REPO/FILE.gguf, or the
address of a page of the hub that shows one of them.
"""

import re
from typing import NamedTuple

from velocity_local.core.errors import InvalidRequest
from velocity_local.daemon.catalog.files import SUFFIX

MAX_CHARS = 512
_MAX_FOLDERS = 4
_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REFERENCE = re.compile(
    rf"(?P<repository>{_OWNER}/{_OWNER})"
    r"(?:[:@](?P<quantization>[A-Za-z0-9][A-Za-z0-9_.-]{0,31})|/(?P<file>.+))?"
)
_PAGE = re.compile(
    r"(?P<repository>[^/]+/[^/]+)(?:/(?:blob|resolve|tree)/main(?:/(?P<file>.+))?)?/?"
)
_PAGE_KINDS = (["blob"], ["resolve"], ["tree"])
_HUBS = ("https://huggingface.co/", "https://hf.co/", "huggingface.co/", "hf.co/")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 _.,+=@()\[\]-]{0,199}")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


class Reference(NamedTuple):
    """A repository, and which of its models: by quantization, by file, or neither."""

    repository: str
    quantization: str | None = None
    file: str | None = None


def parse(text: str) -> Reference:
    """The reference that `text` is.

    Raises:
        InvalidRequest: showing how one is written.
    """
    text = _without_hub(text)
    match = _REFERENCE.fullmatch(text[: MAX_CHARS + 1])
    if match is None or len(text) > MAX_CHARS or not _is_name(match["repository"]):
        raise InvalidRequest(
            f"{text[:120]!r} names no model of a hub; write OWNER/REPO:QUANT, for example"
            " someone/Some-Model-GGUF:Q4_K_M, or OWNER/REPO/FILE.gguf",
            param="model",
        )
    file = match["file"]
    if file is not None and not (is_safe_path(file) and file.lower().endswith(SUFFIX)):
        raise InvalidRequest(
            f"{file[:120]!r} cannot be pulled; name a {SUFFIX} file of the repository",
            param="model",
        )
    return Reference(match["repository"], match["quantization"], file)


def is_hub_page(text: str) -> bool:
    """Whether it is an address of the hub's own pages."""
    return text.startswith(_HUBS)


def is_safe_path(path: str) -> bool:
    """Whether a hub's path may become one on any system's disk, below the repository's folder.

    Relative, without `..`, hidden names, backslashes, drives, streams, devices, and without a
    dot or blank at the end of a name, which Windows would drop.
    """
    segments = path.split("/")
    return len(segments) <= _MAX_FOLDERS and all(map(_is_safe_segment, segments))


def is_repository(text: str) -> bool:
    """Whether it is OWNER/NAME, safe as two folders."""
    return re.fullmatch(rf"{_OWNER}/{_OWNER}", text[:MAX_CHARS]) is not None and _is_name(text)


def _without_hub(text: str) -> str:
    """The reference in the address of a hub's page; other texts as they are.

    Raises:
        InvalidRequest: for an address elsewhere, whose bytes nobody vouches for.
    """
    for hub in _HUBS:
        if text.startswith(hub):
            page = text[: MAX_CHARS + 1].removeprefix(hub).partition("?")[0]
            match = _PAGE.fullmatch(page)
            if match is None and page.split("/")[2:3] in _PAGE_KINDS:
                raise InvalidRequest(
                    f"{text[:120]!r} is a page of another revision than main, which is what is"
                    " fetched",
                    param="model",
                )
            if match is None:
                return page
            return match["repository"] + (f"/{match['file']}" if match["file"] else "")
    if "://" in text[:MAX_CHARS]:
        raise InvalidRequest(
            f"{text[:120]!r} is no page of the hub; an address of a file can be pulled with the"
            " file's SHA-256",
            param="model",
        )
    return text


def _is_name(repository: str) -> bool:
    return not any(mark in repository for mark in ("..", "--")) and all(
        map(_is_safe_segment, repository.split("/"))
    )


def _is_safe_segment(segment: str) -> bool:
    return (
        _SEGMENT.fullmatch(segment) is not None
        and not segment.endswith((".", " "))
        and _DEVICES.fullmatch(segment) is None
    )
