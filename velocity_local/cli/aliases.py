"""The verbs about aliases: list, set, rollback, remove."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api
from velocity_local.core.aliases import Alias, AliasVersion, LoadConfig, SamplingDefaults
from velocity_local.core.units import moment


def list_(call: Call) -> int:
    """Every alias with what it stands for."""
    found = api.aliases(call.connect())
    if call.args.json:
        call.out.json("alias-list/1", aliases=found)
    elif found:
        headers = ("ALIAS", "MODEL", "WITH", "SINCE", "STANDBY")
        call.out.table(headers, [_row(alias) for alias in found])
    else:
        call.out.note("There are no aliases: velocity-local alias set NAME MODEL")
    return Exit.OK


def set_(call: Call) -> int:
    """Let a name stand for a model, loaded and sampled as the flags say."""
    args = call.args
    load = LoadConfig(
        n_ctx=args.ctx,
        n_seq_max=args.parallel,
        kv_type=args.kv_type,
        n_gpu_layers=args.gpu_layers,
        draft=args.draft,
    )
    sampling = SamplingDefaults(
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        min_p=args.min_p,
        repeat_penalty=args.repeat_penalty,
    )
    return _told(call, api.set_alias(call.connect(), args.name, args.model, load, sampling))


def rollback(call: Call) -> int:
    """Let it stand for what it stood for before."""
    return _told(call, api.roll_back_alias(call.connect(), call.args.name))


def remove(call: Call) -> int:
    """Forget it; the model stays."""
    removed = api.remove_alias(call.connect(), call.args.name)
    if call.args.json:
        call.out.json("alias/1", alias=removed)
    else:
        call.out.note(f"Removed the alias {removed.name}; {removed.model} stays.")
    return Exit.OK


def _told(call: Call, alias: Alias) -> int:
    if call.args.json:
        call.out.json("alias/1", alias=alias)
    else:
        call.out.line("  ".join(filter(None, (alias.name, _named(alias.now), _with(alias.now)))))
    return Exit.OK


def _row(alias: Alias) -> tuple[str, ...]:
    active = alias.now
    standby = ""
    if alias.standby is not None:
        before = alias.version(alias.standby)
        standby = " ".join(filter(None, (_named(before), _with(before))))
    return alias.name, _named(active), _with(active), moment(active.set_s), standby


def _named(version: AliasVersion) -> str:
    return ":".join(filter(None, (version.model, version.config.adapter)))


def _with(version: AliasVersion) -> str:
    """`n_ctx=4096 temperature=0.2`."""
    config = version.config
    given = config.load.given() | config.sampling.given()
    return " ".join(f"{key}={value}" for key, value in given.items())
