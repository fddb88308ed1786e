"""The verbs conversations list, export and delete."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import conversations
from velocity_local.core.conversations import Summary, markdown
from velocity_local.core.units import moment

_HEADERS = ("CHANGED", "ID", "MODEL", "TURNS", "TITLE")


def list_(call: Call) -> int:
    """Conversations, the one last changed first."""
    found = conversations.page(call.connect(), text=call.args.text, limit=call.args.limit).items
    if call.args.json:
        call.out.json("conversation-list/1", conversations=found)
    elif found:
        call.out.table(_HEADERS, [_row(each) for each in found])
    else:
        call.out.note("No conversation matches.")
    return Exit.OK


def export(call: Call) -> int:
    """One conversation: a page to read, or JSON with all its branches."""
    found = conversations.get(call.connect(), call.args.id)
    if call.args.json:
        call.out.json("conversation/1", conversation=found)
    else:
        call.out.text(markdown(found))
    return Exit.OK


def delete(call: Call) -> int:
    """Forget one, after asking a person."""
    client = call.connect()
    if call.confirm(f"Delete {call.args.id}?"):
        conversations.delete(client, call.args.id)
        call.out.note(f"Deleted {call.args.id}.")
    else:
        call.out.note("Nothing was deleted.")
    return Exit.OK


def _row(summary: Summary) -> tuple[str, ...]:
    return (
        moment(summary.changed_s),
        summary.id,
        summary.model,
        str(summary.n_turns),
        summary.title,
    )
