"""The keys of Chat."""

from textual.binding import Binding, BindingType

BINDINGS: list[BindingType] = [
    Binding("escape", "stop", "Stop", id="chat.stop", tooltip="End the answer, keep its text"),
    Binding("f2", "choose_model", "Model", id="chat.model", tooltip="Talk to another model"),
    Binding(
        "f3",
        "parameters",
        "Params",
        id="chat.parameters",
        tooltip="System prompt, temperature and more",
    ),
    Binding("f4", "edit", "Edit", id="chat.edit", tooltip="Ask the last question differently"),
    Binding("f5", "again", "Again", id="chat.again", tooltip="Answer the last question again"),
    Binding(
        "f6",
        "new",
        "New",
        id="chat.new",
        tooltip="Begin a new conversation",
        priority=True,
    ),
    Binding(
        "f7",
        "shelf",
        "List",
        id="chat.list",
        tooltip="Show or hide conversations",
        priority=True,
    ),
    Binding("f8", "save", "Save", id="chat.save", tooltip="Write the conversation to a file"),
    Binding("ctrl+o", "attach", "Attach", id="chat.attach", tooltip="Add a text file"),
    Binding("ctrl+r", "detach", "Detach", id="chat.detach", tooltip="Send no files after all"),
    Binding("ctrl+t", "beside", "Two", id="chat.beside", tooltip="Ask a second model the same"),
    Binding(
        "alt+left",
        "branch(-1)",
        "Branch before",
        id="chat.before",
        tooltip="Show the branch before, of the last turn that has several",
        priority=True,
        show=False,
    ),
    Binding(
        "alt+right",
        "branch(1)",
        "Next branch",
        id="chat.next",
        tooltip="Show the next branch, of the last turn that has several",
        priority=True,
        show=False,
    ),
]
