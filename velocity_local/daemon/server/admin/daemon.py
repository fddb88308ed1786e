"""The daemon itself over HTTP: how it is, what it runs on, what it logs, its settings, its end."""

import asyncio
import os
from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from velocity_local.config import keys, logfile
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.wire.http.admin import (
    ConfigItem,
    ConfigList,
    LogLines,
    ShutdownAnswer,
    StatusAnswer,
    SystemAnswer,
)

_TAGS = ["Daemon"]
_MAX_LINES = 10_000


@get("/api/v1/status", summary="The daemon now", tags=_TAGS, guards=[known_parameters])
async def status(request: AnyRequest) -> StatusAnswer:
    return services_of(request).admin.status()


@get("/api/v1/system", summary="The machine now", tags=_TAGS, guards=[known_parameters])
async def system(request: AnyRequest) -> SystemAnswer:
    return await services_of(request).sampler.sample()


@get("/api/v1/logs", summary="The end of a log", tags=_TAGS, guards=[known_parameters])
async def logs(
    request: AnyRequest,
    model: Annotated[str | None, QueryParameter(description="This model's worker")] = None,
    lines: Annotated[int, QueryParameter(ge=1, le=_MAX_LINES)] = 100,
) -> LogLines:
    services = services_of(request)
    paths = services.config.paths
    if model is None:
        source, path = "daemon", paths.daemon_log
    else:
        source = (await services.admin.model(model)).id
        path = logfile.worker_log(paths.worker_log_dir, source)
    return LogLines(source, tuple(await asyncio.to_thread(logfile.tail, path, lines)))


@get("/api/v1/config", summary="The settings in force", tags=_TAGS, guards=[known_parameters])
async def config(request: AnyRequest) -> ConfigList:
    loaded = services_of(request).config
    items = [
        ConfigItem(key, _value(loaded.settings, key), loaded.origins[key]) for key in keys.TYPES
    ]
    return ConfigList(str(loaded.paths.config_file), tuple(items))


@post(
    "/api/v1/shutdown",
    summary="Stop the daemon",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def shutdown(request: AnyRequest) -> ShutdownAnswer:
    services_of(request).admin.shutdown()
    return ShutdownAnswer(os.getpid())


def _value(settings: object, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(settings, section), name)


ROUTES = [status, system, logs, config, shutdown]
