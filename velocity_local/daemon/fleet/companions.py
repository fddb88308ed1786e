"""What is loaded along with a model: its adapters, and a smaller model that guesses for it."""

from msgspec.structs import replace

from velocity_local.core.fit import FitAsk, Need
from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.daemon.catalog.fit import NeedAt
from velocity_local.daemon.catalog.fit_bytes import need_of, need_of_size
from velocity_local.daemon.fleet.ledger import ask_of


def with_companions(need_at: NeedAt, entry: ModelEntry, options: LoadOptions) -> NeedAt:
    """The same need with theirs; as in the ledger, all adapters count, loaded or not."""
    adapters_bytes = sum(adapter.size_bytes for adapter in entry.adapters)
    draft = entry.draft if options.draft_path and options.speculation != "off" else None

    def whole(n_ctx: int) -> Need:
        need = need_at(n_ctx)
        guessing = None if draft is None else _need_of(draft, replace(ask_of(options), n_ctx=n_ctx))
        if guessing is None:
            return replace(need, companion_bytes=adapters_bytes)
        return replace(
            need,
            companion_bytes=adapters_bytes + guessing.engine_bytes,
            error_bytes=need.error_bytes + guessing.error_bytes,
        )

    return whole


def _need_of(draft: ModelEntry, ask: FitAsk) -> Need:
    if draft.shape is None:
        return need_of_size(draft.size_bytes, draft.parameters, ask)
    return need_of(draft.shape, ask)
