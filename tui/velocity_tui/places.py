"""The screens in their order, with the names of their modes and their keys."""

from velocity_tui.widgets.masthead import Place

PLACES = (
    Place("home", "Home", "1"),
    Place("chat", "Chat", "2"),
    Place("models", "Models", "3"),
    Place("history", "History", "4"),
    Place("monitor", "Monitor", "5"),
    Place("settings", "Settings", "6"),
)
