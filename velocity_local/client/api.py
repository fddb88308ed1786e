"""The management API's questions, one function each. Errors are `client.errors.ClientError`."""

from collections.abc import Iterator

from velocity_local.client.http import HttpClient, segment, with_query
from velocity_local.core.aliases import Alias, LoadConfig, SamplingDefaults
from velocity_local.core.downloads import Download
from velocity_local.core.history import RequestRow
from velocity_local.core.library import About, Check, Quantization, Sighting
from velocity_local.wire.http.admin import (
    ConfigList,
    Deleted,
    DownloadAsk,
    DownloadList,
    LogLines,
    ModelItem,
    ModelList,
    RepositoryAnswer,
    RequestList,
    ShutdownAnswer,
    StatsAnswer,
    StatusAnswer,
    SystemAnswer,
)
from velocity_local.wire.http.aliases import AliasAsk, AliasList
from velocity_local.wire.http.kv import KvList
from velocity_local.wire.http.library import (
    CheckAsk,
    DiskAnswer,
    ImportAsk,
    LeftoverList,
    QuantizationAsk,
    RemovedModel,
    SightingList,
)
from velocity_local.wire.http.search import SearchAnswer
from velocity_local.wire.http.telemetry import TelemetryAnswer

_PAGE = 200
_SYSTEM_TIMEOUT_S = 10.0
_SHUTDOWN_TIMEOUT_S = 2.0
_HUB_TIMEOUT_S = 90.0
_LOAD_TIMEOUT_S = 3600.0

_PLAIN_LOAD, _PLAIN_SAMPLING = LoadConfig(), SamplingDefaults()


def status(client: HttpClient, *, timeout_s: float = 10.0) -> StatusAnswer:
    return client.get("/api/v1/status", StatusAnswer, timeout_s=timeout_s)


def system(client: HttpClient) -> SystemAnswer:
    return client.get("/api/v1/system", SystemAnswer, timeout_s=_SYSTEM_TIMEOUT_S)


def telemetry(client: HttpClient) -> TelemetryAnswer:
    """The machine at this moment."""
    return client.get("/api/v1/telemetry", TelemetryAnswer, timeout_s=_SYSTEM_TIMEOUT_S)


def models(client: HttpClient) -> list[ModelItem]:
    """Every model on the daemon's machine."""
    found: list[ModelItem] = []
    after: str | None = None
    while True:
        page = client.get(with_query("/api/v1/models", after=after), ModelList)
        found += page.items
        after = page.next
        if after is None:
            return found


def model(client: HttpClient, model_id: str) -> ModelItem:
    return client.get(f"/api/v1/models/{segment(model_id)}", ModelItem)


def about(client: HttpClient, model_id: str) -> About:
    """What a model's files say of it."""
    return client.get(f"/api/v1/about/{segment(model_id)}", About)


def load(client: HttpClient, model_id: str) -> ModelItem:
    """Return once the model can answer; how long it may take is the daemon's setting."""
    path = f"/api/v1/models/{segment(model_id)}/load"
    return client.call("POST", path, ModelItem, timeout_s=_LOAD_TIMEOUT_S)


def unload(client: HttpClient, model_id: str) -> ModelItem:
    """Return once the model's process has ended."""
    path = f"/api/v1/models/{segment(model_id)}/unload"
    return client.call("POST", path, ModelItem, timeout_s=_LOAD_TIMEOUT_S)


def kept(client: HttpClient) -> KvList:
    """What loaded models keep of earlier prompts."""
    return client.get("/api/v1/cache/kv", KvList)


def forget(client: HttpClient) -> KvList:
    """Have all that is kept of earlier prompts forgotten; what is left of it."""
    return client.call("DELETE", "/api/v1/cache/kv", KvList)


def repository(client: HttpClient, name: str) -> RepositoryAnswer:
    """The models that the hub's repository OWNER/NAME offers."""
    return client.get(f"/api/v1/hub/{segment(name)}", RepositoryAnswer, timeout_s=_HUB_TIMEOUT_S)


def search(
    client: HttpClient, *, text: str, use: str | None, format_: str, limit: int, is_offline: bool
) -> SearchAnswer:
    """Models that could be fetched, with what they would take of the daemon's machine."""
    path = with_query(
        "/api/v1/search",
        text=text or None,
        use=use,
        format=format_,
        limit=limit,
        offline="true" if is_offline else None,
    )
    return client.get(path, SearchAnswer, timeout_s=_HUB_TIMEOUT_S)


def sightings(client: HttpClient, folder: str | None) -> tuple[Sighting, ...]:
    """Models that other programs keep on the daemon's machine, or those below a folder there."""
    path = with_query("/api/v1/stores", folder=folder)
    return client.get(path, SightingList, timeout_s=_HUB_TIMEOUT_S).items


def import_model(client: HttpClient, path: str, identifier: str | None) -> ModelItem:
    """Take a file on the daemon's machine over without copying it."""
    ask = ImportAsk(path, identifier)
    return client.call("POST", "/api/v1/imports", ModelItem, body=ask, timeout_s=_HUB_TIMEOUT_S)


def start_check(client: HttpClient, model_id: str) -> Check:
    """Begin to compare a model's files with what was promised of them."""
    return client.call("POST", "/api/v1/checks", Check, body=CheckAsk(model_id))


def check(client: HttpClient, identifier: str) -> Check:
    return client.get(f"/api/v1/checks/{segment(identifier)}", Check)


def cancel_check(client: HttpClient, identifier: str) -> Check:
    return client.call("DELETE", f"/api/v1/checks/{segment(identifier)}", Check)


def start_quantization(
    client: HttpClient, model_id: str, quantization: str, identifier: str | None
) -> Quantization:
    """Begin to write a model in a smaller type."""
    ask = QuantizationAsk(model_id, quantization, identifier)
    return client.call("POST", "/api/v1/quantizations", Quantization, body=ask)


def quantization(client: HttpClient, identifier: str) -> Quantization:
    return client.get(f"/api/v1/quantizations/{segment(identifier)}", Quantization)


def cancel_quantization(client: HttpClient, identifier: str) -> Quantization:
    return client.call("DELETE", f"/api/v1/quantizations/{segment(identifier)}", Quantization)


def aliases(client: HttpClient) -> tuple[Alias, ...]:
    """Every alias, by name."""
    return client.get("/api/v1/aliases", AliasList).items


def set_alias(
    client: HttpClient,
    name: str,
    model_id: str,
    load: LoadConfig = _PLAIN_LOAD,
    sampling: SamplingDefaults = _PLAIN_SAMPLING,
) -> Alias:
    """Let a name stand for a model."""
    body = AliasAsk(name, model_id, load, sampling)
    return client.call("POST", "/api/v1/aliases", Alias, body=body)


def roll_back_alias(client: HttpClient, name: str) -> Alias:
    """Let it stand for what it stood for before."""
    return client.call("POST", f"/api/v1/aliases/{segment(name)}/rollback", Alias)


def remove_alias(client: HttpClient, name: str) -> Alias:
    return client.call("DELETE", f"/api/v1/aliases/{segment(name)}", Alias)


def remove_model(client: HttpClient, model_id: str) -> RemovedModel:
    """Remove a model's files; one in memory has to be unloaded first."""
    return client.call("DELETE", f"/api/v1/models/{segment(model_id)}", RemovedModel)


def disk(client: HttpClient) -> DiskAnswer:
    """What each model takes."""
    return client.get("/api/v1/disk", DiskAnswer)


def leftovers(client: HttpClient) -> LeftoverList:
    """Files that no model needs."""
    return client.get("/api/v1/leftovers", LeftoverList)


def clean_leftovers(client: HttpClient) -> LeftoverList:
    """Remove them."""
    return client.call("DELETE", "/api/v1/leftovers", LeftoverList)


def start_download(client: HttpClient, model: str, sha256: str | None = None) -> Download:
    """Begin to fetch a model, or join those who wait for it."""
    return client.call(
        "POST",
        "/api/v1/downloads",
        Download,
        body=DownloadAsk(model, sha256),
        timeout_s=_HUB_TIMEOUT_S,
    )


def downloads(client: HttpClient) -> tuple[Download, ...]:
    """Those since the daemon's start, newest first."""
    return client.get("/api/v1/downloads", DownloadList).items


def download(client: HttpClient, identifier: str) -> Download:
    return client.get(f"/api/v1/downloads/{segment(identifier)}", Download)


def cancel_download(client: HttpClient, identifier: str) -> Download:
    """End a download; what is not whole is removed."""
    return client.call("DELETE", f"/api/v1/downloads/{segment(identifier)}", Download)


def pause_download(client: HttpClient, identifier: str) -> Download:
    """Stop a download and keep what has come."""
    return client.call("POST", f"/api/v1/downloads/{segment(identifier)}/pause", Download)


def resume_download(client: HttpClient, identifier: str) -> Download:
    """Go on with one that is paused."""
    return client.call("POST", f"/api/v1/downloads/{segment(identifier)}/resume", Download)


def requests(
    client: HttpClient, *, limit: int | None = None, **filters: str | None
) -> Iterator[RequestRow]:
    """The history, newest first, page by page; all of it without `limit`."""
    left = limit
    after: str | None = None
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        path = with_query("/api/v1/requests", limit=size, after=after, **filters)
        page = client.get(path, RequestList)
        yield from page.items
        after = page.next
        if after is None:
            return
        left = None if left is None else left - len(page.items)


def request_page(
    client: HttpClient, *, limit: int, after: str | None = None, **filters: str | None
) -> RequestList:
    """One page of the history; `filters` also takes `sort`, `order` and `text`."""
    return client.get(
        with_query("/api/v1/requests", limit=limit, after=after, **filters), RequestList
    )


def stats(client: HttpClient, window_s: float) -> StatsAnswer:
    """The traffic of the last `window_s` seconds."""
    return client.get(with_query("/api/v1/requests/stats", window_s=window_s), StatsAnswer)


def request(client: HttpClient, request_id: str) -> RequestRow:
    return client.get(f"/api/v1/requests/{segment(request_id)}", RequestRow)


def delete_request(client: HttpClient, request_id: str) -> int:
    """Forget a request; returns how many rows that were."""
    path = f"/api/v1/requests/{segment(request_id)}"
    return client.call("DELETE", path, Deleted).deleted


def log_lines(client: HttpClient, *, n_lines: int, model_id: str | None = None) -> LogLines:
    """The end of the daemon's log, or of a model's worker."""
    return client.get(with_query("/api/v1/logs", lines=n_lines, model=model_id), LogLines)


def configuration(client: HttpClient) -> ConfigList:
    """Every setting in force, with its origin."""
    return client.get("/api/v1/config", ConfigList)


def ask_to_stop(client: HttpClient) -> None:
    """The daemon begins to end; requests in flight may finish first."""
    client.call("POST", "/api/v1/shutdown", ShutdownAnswer, timeout_s=_SHUTDOWN_TIMEOUT_S)
