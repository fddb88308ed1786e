"""Questions about memory, as `client.api` asks the others."""

from velocity_local.client.http import HttpClient, segment, with_query
from velocity_local.core.notices import Notice
from velocity_local.wire.http.admin import ModelItem
from velocity_local.wire.http.fit import FitAnswer, NoticeList

_FIT_TIMEOUT_S = 60.0
_LOAD_TIMEOUT_S = 3600.0


def fit(
    client: HttpClient,
    model: str,
    *,
    n_ctx: int | None = None,
    n_seq_max: int | None = None,
    kv_type: str | None = None,
    n_gpu_layers: int | None = None,
) -> FitAnswer:
    """Whether a model would fit, loaded like that; what is None the daemon chooses."""
    path = with_query(
        "/api/v1/fit",
        model=model,
        n_ctx=n_ctx,
        n_seq_max=n_seq_max,
        kv_type=kv_type,
        n_gpu_layers=n_gpu_layers,
    )
    return client.get(path, FitAnswer, timeout_s=_FIT_TIMEOUT_S)


def load(client: HttpClient, model: str, keep_alive_s: float | None = None) -> ModelItem:
    """Return once the model can answer. It stays for `keep_alive_s` unused; 0 is for ever."""
    path = with_query(f"/api/v1/models/{segment(model)}/load", keep_alive_s=keep_alive_s)
    return client.call("POST", path, ModelItem, timeout_s=_LOAD_TIMEOUT_S)


def pin(client: HttpClient, model: str, *, is_pinned: bool) -> ModelItem:
    """Whether a model stays loaded whatever else is wanted."""
    verb = "pin" if is_pinned else "unpin"
    return client.call("POST", f"/api/v1/models/{segment(model)}/{verb}", ModelItem)


def notices(client: HttpClient, *, after: int = 0) -> tuple[Notice, ...]:
    """What the daemon did with models unasked, after that number."""
    return client.get(with_query("/api/v1/events", after=after), NoticeList).items
