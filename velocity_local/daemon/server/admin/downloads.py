"""Downloads over HTTP: what a hub's repository offers, begin, look, cancel."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath

from velocity_local.core.downloads import Download
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, read
from velocity_local.wire.http.admin import DownloadAsk, DownloadList, RepositoryAnswer

_TAGS = ["Downloads"]
_ask = msgspec.json.Decoder(DownloadAsk)


@get(
    "/api/v1/hub/{repository:path}",
    summary="The models in a repository of the hub",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_repository(request: AnyRequest, repository: FromPath[str]) -> RepositoryAnswer:
    name = repository.removeprefix("/")
    found, variants = await services_of(request).downloads.offered(name)
    return RepositoryAnswer(found.id, found.revision, variants)


@post(
    "/api/v1/downloads",
    summary="Fetch a model",
    description="Answers at once. Asking again for a model that is on its way joins that download.",
    tags=_TAGS,
    status_code=202,
    guards=[known_parameters],
    opt={"body": DownloadAsk},
)
async def start_download(request: AnyRequest) -> Download:
    ask = await read(request, _ask)
    return await services_of(request).downloads.start(ask.model, ask.sha256)


@get("/api/v1/downloads", summary="Downloads, newest first", tags=_TAGS, guards=[known_parameters])
async def list_downloads(request: AnyRequest) -> DownloadList:
    return DownloadList(tuple(services_of(request).downloads.all()))


@get(
    "/api/v1/downloads/{download_id:str}",
    summary="One download",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_download(request: AnyRequest, download_id: FromPath[str]) -> Download:
    return services_of(request).downloads.get(download_id)


@delete(
    "/api/v1/downloads/{download_id:str}",
    summary="Cancel a download",
    description="What is not whole is removed. A download that has ended stays as it is.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def cancel_download(request: AnyRequest, download_id: FromPath[str]) -> Download:
    return await services_of(request).downloads.cancel(download_id)


@post(
    "/api/v1/downloads/{download_id:str}/pause",
    summary="Pause a download",
    description="What has come stays; another one may begin meanwhile.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def pause_download(request: AnyRequest, download_id: FromPath[str]) -> Download:
    return await services_of(request).downloads.pause(download_id)


@post(
    "/api/v1/downloads/{download_id:str}/resume",
    summary="Go on with a paused download",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def resume_download(request: AnyRequest, download_id: FromPath[str]) -> Download:
    return await services_of(request).downloads.resume(download_id)


ROUTES = [
    get_repository,
    start_download,
    list_downloads,
    get_download,
    cancel_download,
    pause_download,
    resume_download,
]
