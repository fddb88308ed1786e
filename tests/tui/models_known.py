"""Models, downloads and what could be fetched, as a daemon would tell them."""

from velocity_local.core.downloads import Download
from velocity_local.core.search import Found, FoundVariant
from velocity_local.wire.http.admin import ModelItem

DEMO = ModelItem(
    id="demo",
    name="Velocity demo",
    state="ready",
    format="gguf",
    architecture="llama",
    parameters=4_100_000,
    quantization="F16",
    context_length=4096,
    size_bytes=8_400_000,
    fingerprint="0123456789abcdef",
    path="~/models/demo.gguf",
    licence="apache-2.0",
    has_chat_template=True,
    is_embedding=False,
    created_s=1_700_000_000,
    is_pinned=True,
)
LARGER = ModelItem(
    id="owner/larger-GGUF/larger-Q4_K_M",
    name="Larger",
    state="unloaded",
    format="gguf",
    architecture="qwen3",
    parameters=8_200_000_000,
    quantization="Q4_K_M",
    context_length=40_960,
    size_bytes=5_030_000_000,
    fingerprint="fedcba9876543210",
    path="~/models/owner/larger-GGUF/larger-Q4_K_M.gguf",
    licence="apache-2.0",
    has_chat_template=True,
    is_embedding=False,
    created_s=1_700_000_000,
)


def found(number: int) -> Found:
    """A repository of some size; every second one is the hub's."""
    sizes = {"Q4_K_M": 5, "Q8_0": 9, "F16": 16}
    return Found(
        repository=f"maker/model-{number}-GGUF",
        source="hub" if number % 2 else "catalogue",
        format="gguf",
        variants=tuple(
            FoundVariant(
                quantization,
                gigabytes * number * 10**9,
                is_estimate=number == 2,
                pull=f"maker/model-{number}-GGUF:{quantization}",
                verdict="cpu" if gigabytes * number < 12 else "too large",
                reason="",
            )
            for quantization, gigabytes in sizes.items()
        ),
        name="" if number % 2 else f"model-{number}",
        uses=("chat", "code"),
        family="qwen3",
        licence="apache-2.0",
        parameters=8 * number * 10**9,
        context_length=32_768,
        downloads=1_000_000 // number,
    )


FOUND = tuple(found(number) for number in range(1, 7))
DOWNLOADS = (
    Download(
        id="dl-1",
        model="maker/model-1-GGUF/model-1-Q4_K_M",
        repository="maker/model-1-GGUF",
        revision="main",
        quantization="Q4_K_M",
        files=("model-1-Q4_K_M.gguf",),
        state="running",
        done_bytes=1_900_000_000,
        total_bytes=5_000_000_000,
        bytes_per_s=38_000_000.0,
        retries=0,
        created_s=1.7e9,
    ),
)
