"""All handlers below /api/v1, for the application to mount with `ports.Services` as its state."""

from velocity_local.daemon.server.admin import (
    adapters,
    aliases,
    conversations,
    daemon,
    downloads,
    fit,
    kv,
    library,
    models,
    quantize,
    requests,
    search,
    telemetry,
    tuning,
)

ROUTES = [
    *requests.ROUTES,
    *conversations.ROUTES,
    *models.ROUTES,
    *downloads.ROUTES,
    *search.ROUTES,
    *library.ROUTES,
    *quantize.ROUTES,
    *aliases.ROUTES,
    *adapters.ROUTES,
    *fit.ROUTES,
    *telemetry.ROUTES,
    *kv.ROUTES,
    *tuning.ROUTES,
    *daemon.ROUTES,
]
