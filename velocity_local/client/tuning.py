"""The management API's questions about measurements. Errors are `client.errors.ClientError`."""

from velocity_local.client.http import HttpClient, segment
from velocity_local.wire.http.tuning import OptionList, TuneAsk, TuningItem


def start(client: HttpClient, ask: TuneAsk) -> TuningItem:
    """Begin to measure; the model is unloaded first, which may take a while."""
    return client.call("POST", "/api/v1/tunings", TuningItem, body=ask)


def tuning(client: HttpClient, identifier: str) -> TuningItem:
    return client.get(f"/api/v1/tunings/{segment(identifier)}", TuningItem)


def cancel(client: HttpClient, identifier: str) -> TuningItem:
    """End it; what it would have found is not known then."""
    return client.call("DELETE", f"/api/v1/tunings/{segment(identifier)}", TuningItem)


def options(client: HttpClient, model: str) -> OptionList:
    """How a model is loaded the next time, and where each value comes from."""
    return client.get(f"/api/v1/options/{segment(model)}", OptionList)


def forget(client: HttpClient, model: str) -> OptionList:
    """Load the model as if it had never been measured."""
    return client.call("DELETE", f"/api/v1/options/{segment(model)}", OptionList)
