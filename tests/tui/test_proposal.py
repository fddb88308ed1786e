"""Which model is proposed, as a table."""

import msgspec
import pytest

from tests.tui.snapshots import GPU, SYSTEM
from velocity_local.core.fit import Verdict
from velocity_local.core.search import Found, FoundVariant
from velocity_tui.proposal import machine, propose

GB = 10**9


def model(name: str, billions: float, *variants: tuple[str, float, Verdict]) -> Found:
    return Found(
        f"owner/{name}",
        "catalogue",
        "gguf",
        tuple(
            FoundVariant(quant, int(size * GB), False, f"{name}:{quant}", verdict, "it fits")
            for quant, size, verdict in variants
        ),
        name=name,
        parameters=int(billions * GB),
        context_length=262_144,
        licence="mit",
    )


SMALL = model("small", 1, ("Q8_0", 1.1, "cpu"), ("Q4_K_M", 0.7, "cpu"))
MIDDLE = model("middle", 4, ("Q4_K_M", 2.5, "cpu"))
LARGE = model("large", 20, ("Q4_K_M", 12, "cpu"))


@pytest.mark.parametrize(
    ("items", "disk", "pull"),
    [
        ((SMALL, MIDDLE), None, "middle:Q4_K_M"),
        ((SMALL,), None, "small:Q4_K_M"),
        ((SMALL, MIDDLE, LARGE), None, "middle:Q4_K_M"),
        ((SMALL, MIDDLE), 2 * GB, "small:Q4_K_M"),
        ((MIDDLE, model("card", 1, ("Q4_K_M", 0.7, "gpu"))), None, "card:Q4_K_M"),
        ((MIDDLE, model("over", 30, ("Q4_K_M", 20, "partly on gpu"))), None, "middle:Q4_K_M"),
        ((model("big", 4, ("Q4_K_M", 3, "too large"), ("Q8_0", 5, "too large")),), None, None),
        ((LARGE,), None, None),
        ((), None, None),
    ],
)
def test_the_largest_that_runs_well_is_proposed(
    items: tuple[Found, ...], disk: int | None, pull: str | None
) -> None:
    proposal = propose(items, disk)
    assert (None if proposal is None else proposal.pull) == pull


def test_reasons_are_figures_of_this_model_and_this_machine() -> None:
    proposal = propose([MIDDLE], None)
    assert proposal is not None
    told = " ".join(proposal.reasons)
    for piece in ("processor", "it fits", "4.0B", "2.5 GB", "262,144", "mit"):
        assert piece in told


def test_the_machine_is_told_with_its_card_or_why_there_is_none() -> None:
    assert "no NVIDIA driver" in machine(SYSTEM)
    with_card = machine(msgspec.structs.replace(SYSTEM, gpus=(GPU,)))
    assert "A card with 24.0 GB" in with_card
