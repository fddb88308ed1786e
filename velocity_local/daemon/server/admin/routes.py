"""All handlers below /api/v1, for the application to mount with `ports.Services` as its state."""

from velocity_local.daemon.server.admin import daemon, models, requests

ROUTES = [*requests.ROUTES, *models.ROUTES, *daemon.ROUTES]
