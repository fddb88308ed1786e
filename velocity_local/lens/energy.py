"""Energy of a run, from what a daemon tells of the machine's power before and after it."""

from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient
from velocity_local.lens.results import Energy
from velocity_local.wire.http.telemetry import PowerItem, TelemetryAnswer

SENSOR_SHARE = 0.05
"""NVIDIA's sensors are accurate to within 5 % (nvmlDeviceGetPowerUsage); taken for all others."""


def look(admin: HttpClient | None) -> PowerItem | None:
    """Power now; None where there is no daemon to ask, or nothing tells power."""
    if admin is None:
        return None
    try:
        power = admin.get("/api/v1/telemetry", TelemetryAnswer).power
    except ClientError:
        return None
    return power if power.watts is not None else None


def spent(
    before: PowerItem | None, after: PowerItem | None, *, model: str, duration_s: float
) -> Energy | None:
    """The model's energy between two looks, above idle; None if it is not known.

    The uncertainty is the sensor's, and what the drift of the idle baseline makes of the time.
    """
    if before is None or after is None or before.idle_w is None or after.idle_w is None:
        return None
    joules = after.joules_by_model.get(model, 0.0) - before.joules_by_model.get(model, 0.0)
    if joules <= 0:
        return None
    drift = abs(after.idle_w - before.idle_w) * duration_s
    return Energy(
        joules=joules,
        uncertainty_joules=SENSOR_SHARE * joules + drift,
        idle_watts=after.idle_w,
        method=after.method,
    )
