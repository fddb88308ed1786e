"""What show --effective prints: how a model is loaded, and where each value comes from."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import tuning as api
from velocity_local.core.tuning import Value
from velocity_local.core.units import moment
from velocity_local.wire.http.tuning import OptionList


def effective(call: Call) -> int:
    """The options of a model's next load."""
    options = api.options(call.connect(), call.args.model)
    if call.args.json:
        call.out.json("options/1", options=options)
        return Exit.OK
    rows = [(item.key, shown(item.value), item.origin, item.setting) for item in options.items]
    call.out.table(("OPTION", "VALUE", "ORIGIN", "SETTING"), rows)
    call.out.note(_history(options))
    return Exit.OK


def shown(value: Value) -> str:
    """As a person reads it; None is left to the engine."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "automatic" if value is None else str(value)


def _history(options: OptionList) -> str:
    if options.tuned_s is None:
        return f"Not measured on this machine yet: velocity-local tune {options.model}"
    gain = "" if options.tuned_cost is None else f", {options.tuned_cost:.2f} of the time before"
    return f"Measured {moment(options.tuned_s)}{gain}. What is set by hand wins over it."
