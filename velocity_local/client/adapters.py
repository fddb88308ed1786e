"""The management API's questions about adapters. Errors are `client.errors.ClientError`."""

from velocity_local.client.http import HttpClient, segment
from velocity_local.wire.http.adapters import AdapterAsk, AdapterItem, AdapterList


def adapters(client: HttpClient) -> tuple[AdapterItem, ...]:
    """All of them, in the order in which they were added."""
    return client.get("/api/v1/adapters", AdapterList).items


def add(client: HttpClient, ask: AdapterAsk) -> AdapterItem:
    return client.call("POST", "/api/v1/adapters", AdapterItem, body=ask)


def remove(client: HttpClient, identifier: str) -> AdapterItem:
    """Take `model:name` off; its file stays."""
    return client.call("DELETE", f"/api/v1/adapters/{segment(identifier)}", AdapterItem)
