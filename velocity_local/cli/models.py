"""The verbs ps, list and show."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.options import effective
from velocity_local.client import api
from velocity_local.client.http import HttpClient
from velocity_local.core.clock import SystemClock
from velocity_local.core.library import About, Said
from velocity_local.core.printable import printable
from velocity_local.core.units import count, duration, milliseconds, moment, size
from velocity_local.wire.http.admin import ModelItem, WorkerItem


def ps(call: Call) -> int:
    """Models in memory, with what they are doing."""
    found = api.status(call.connect()).workers
    workers = tuple(worker for worker in found if worker.state != "unloaded")
    if call.args.json:
        call.out.json("ps/1", models=workers)
    elif workers:
        headers = (
            "MODEL", "STATE", "MEMORY", "KV CACHE", "RUNNING", "WAITING", "RESTARTS", "STAYS",
        )  # fmt: skip
        call.out.table(headers, [_process(worker) for worker in workers])
    else:
        call.out.note("No model is in memory. One is loaded when it is first asked.")
    return Exit.OK


def list_(call: Call) -> int:
    """Models on the daemon's machine."""
    found = api.models(call.connect())
    if call.args.ids:
        for model in found:
            call.out.line(model.id)
    elif call.args.json:
        call.out.json("list/1", models=found)
    elif found:
        headers = ("MODEL", "STATE", "SIZE", "PARAMETERS", "QUANTIZATION", "CONTEXT")
        call.out.table(headers, [_row(model) for model in found])
    else:
        call.out.note(
            "There are no models yet: velocity-local search, and pull what fits; or put a GGUF file"
            " into the models folder:"
        )
        call.out.note(f"  {call.local().paths.models_dir}")
    return Exit.OK


def show(call: Call) -> int:
    """Everything known of one model, or how it is loaded."""
    if call.args.effective:
        return effective(call)
    client = call.connect()
    model = api.model(client, call.args.model)
    about = api.about(client, model.id)
    if call.args.json:
        call.out.json("show/1", model=model, about=about)
    elif call.args.template:
        _show_template(call, about)
    elif call.args.values:
        call.out.fields({_line(key): _line(value) for key, value in about.values.items()})
    else:
        call.out.fields(_about(model) | _origin(about) | _loaded(model))
    return Exit.OK


def first_ready(client: HttpClient) -> str | None:
    """The model to talk to when none is named: one in memory before one on disk."""
    models = api.models(client)
    able = [model for model in models if not model.is_embedding]
    able.sort(key=lambda model: model.state != "ready")
    return able[0].id if able else None


def _process(worker: WorkerItem) -> tuple[str, ...]:
    return (
        worker.model,
        worker.state,
        size(worker.rss_bytes) if worker.rss_bytes is not None else "",
        f"{worker.used_cells}/{worker.cells}" if worker.cells else "",
        str(worker.running),
        str(worker.waiting + worker.pending),
        str(worker.restarts),
        _stays(worker),
    )


def _stays(worker: WorkerItem) -> str:
    """For how long, if nobody uses it."""
    if worker.is_pinned:
        return "pinned"
    if worker.state != "ready" or worker.running:
        return ""
    if worker.leaves_s is None:
        return "until its memory is wanted"
    return duration(max(worker.leaves_s - SystemClock().wall_s(), 0.0))


def _row(model: ModelItem) -> tuple[str, ...]:
    return (
        model.id,
        model.state,
        size(model.size_bytes),
        count(model.parameters) if model.parameters else "",
        model.quantization,
        str(model.context_length or ""),
    )


def _about(model: ModelItem) -> dict[str, str]:
    return {
        "id": model.id,
        "name": model.name,
        "state": model.state,
        "kind": "embeddings" if model.is_embedding else "text",
        "architecture": model.architecture,
        "parameters": count(model.parameters) if model.parameters else "",
        "quantization": model.quantization,
        "context": f"{model.context_length} tokens" if model.context_length else "",
        "chat template": "yes" if model.has_chat_template else "no",
        "adapters": ", ".join(model.adapters),
        "licence": model.licence,
        "size": size(model.size_bytes),
        "file": model.path,
        "fingerprint": model.fingerprint,
        "created": moment(model.created_s),
        "stays": _kept(model),
        "last error": model.last_error or "",
    }


def _kept(model: ModelItem) -> str:
    if model.is_pinned:
        return "pinned"
    if model.keep_alive_s is None:
        return "until its memory is wanted"
    return f"{duration(model.keep_alive_s)} unused"


def _show_template(call: Call, about: About) -> None:
    if not about.template:
        raise CliError(f"{about.model} has no chat template", code=Exit.NOT_FOUND)
    call.out.text(f"{about.template.rstrip()}\n")


def _line(value: Said) -> str:
    """On one line, whatever a file says."""
    return printable(str(value)).replace("\n", "\\n")


def _origin(about: About) -> dict[str, str]:
    if not about.origins:
        return {"from": "not known"}
    first = about.origins[0]
    commit = f" at {first.revision[:12]}" if first.revision else ""
    promised = {"promised": first.digest} if len(about.files) == 1 else {}
    return {"from": f"{first.repository}{commit}"} | promised


def _loaded(model: ModelItem) -> dict[str, str]:
    loaded = model.loaded
    if loaded is None:
        return {}
    return {
        "device": loaded.device,
        "engine": loaded.description,
        "KV cache": f"{loaded.n_cells} tokens, {size(loaded.n_cells * loaded.kv_bytes_per_token)}",
        "threads": str(loaded.n_threads),
        "load time": milliseconds(loaded.load_ms),
        "memory": size(model.rss_bytes) if model.rss_bytes is not None else "",
    }
