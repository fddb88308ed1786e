"""Which requests of the history are wanted, and in what order."""

from dataclasses import dataclass, replace

STATUSES = (None, "ok", "error", "cancelled", "interrupted", "running")
SORTS = ("created", "ttft", "total", "completion_tokens")
_SORT_WORDS = {
    "created": "newest first",
    "ttft": "slowest first token first",
    "total": "longest first",
    "completion_tokens": "most tokens first",
}


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is looked for in id, model, error and client."""

    text: str = ""
    status: str | None = None
    sort: str = "created"

    def next_status(self) -> "Query":
        following = (STATUSES.index(self.status) + 1) % len(STATUSES)
        return replace(self, status=STATUSES[following])

    def next_sort(self) -> "Query":
        following = (SORTS.index(self.sort) + 1) % len(SORTS)
        return replace(self, sort=SORTS[following])

    def filters(self) -> dict[str, str | None]:
        """As the API takes them."""
        return {"text": self.text or None, "status": self.status, "sort": self.sort}

    def told(self) -> str:
        status = "all outcomes" if self.status is None else f"only {self.status}"
        return f"{status} · {_SORT_WORDS[self.sort]}"
