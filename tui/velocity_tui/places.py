"""The screens in their order, with the names of their modes and their keys."""

from velocity_tui.widgets.masthead import Place

PLACES = (
    Place("home", "Home", "1"),
    Place("chat", "Chat", "2"),
    Place("models", "Models", "3"),
    Place("bench", "Bench", "4"),
    Place("history", "History", "5"),
    Place("monitor", "Monitor", "6"),
    Place("settings", "Settings", "7"),
)
