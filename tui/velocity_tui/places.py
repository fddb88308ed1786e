"""The screens in their order, with the names of their modes and their keys."""

from velocity_tui.widgets.masthead import Place

PLACES = (Place("home", "Home", "1"),)
