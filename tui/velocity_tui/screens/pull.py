"""Asks which model to fetch: a name, and if the repository has several, which of them."""

from typing import TYPE_CHECKING

from velocity_local.core.downloads import Variant
from velocity_local.core.search import Found
from velocity_local.core.units import size
from velocity_local.wire.http.admin import RepositoryAnswer
from velocity_tui.fit import fit
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.choose import Choose
from velocity_tui.shelf import BADGES, Remote
from velocity_tui.state import Snapshot

if TYPE_CHECKING:
    from velocity_tui.screens.page import Page


async def ask_what_to_pull(page: "Page", likely: str) -> str | None:
    """What to ask the daemon for, or None; called in a worker of `page`."""
    given = await page.app.push_screen_wait(
        AskText(
            "Fetch from the Hugging Face hub",
            value=likely,
            placeholder="OWNER/REPO, or OWNER/REPO:QUANT",
        )
    )
    if given is None or says_which(given):
        return given
    offer = await page.attempt(page.session.offer(given))
    if offer is None:
        return None
    if not offer.variants:
        page.notify(f"{offer.repository} has no GGUF model.", severity="warning", markup=False)
        return None
    chosen = await page.app.push_screen_wait(_choice(offer, page.velocity.snapshot))
    return None if chosen is None else f"{offer.repository}/{chosen}"


async def choose_variant(page: "Page", found: Found) -> str | None:
    """What to ask the daemon for, or None; called in a worker of `page`."""
    variants = sorted(found.variants, key=lambda variant: variant.size_bytes)
    if not variants:
        page.notify(f"{found.repository} has no model to fetch.", severity="warning", markup=False)
        return None
    names = [variant.quantization or variant.pull for variant in variants]
    best = Remote(found).best
    chosen = await page.app.push_screen_wait(
        Choose(
            found.name or found.repository,
            names,
            current=None if best is None else best.quantization or best.pull,
            details=[
                f"{size(variant.size_bytes):>9}  {BADGES[variant.verdict][0]}"
                for variant in variants
            ],
        )
    )
    return None if chosen is None else variants[names.index(chosen)].pull


def says_which(model: str) -> bool:
    """Whether it names one model and not a repository of them."""
    return ":" in model or "@" in model or model.lower().endswith(".gguf")


def _choice(offer: RepositoryAnswer, known: Snapshot) -> Choose:
    return Choose(
        f"{offer.repository} has {len(offer.variants)}",
        [variant.files[0] for variant in offer.variants],
        details=[_detail(variant, known) for variant in offer.variants],
    )


def _detail(variant: Variant, known: Snapshot) -> str:
    likely = fit(variant.size_bytes, known.telemetry)
    parts = (variant.quantization, size(variant.size_bytes), likely)
    return "  ".join(part for part in parts if part)
