"""Three looks: dark, light, and one of high contrast."""

from textual.theme import Theme

THEMES = (
    Theme(
        name="velocity-dark",
        primary="#5FB3F9",
        secondary="#9D8CFF",
        accent="#F9B35F",
        foreground="#E6EAF0",
        background="#0F1319",
        surface="#171C24",
        panel="#202733",
        success="#5FD38D",
        warning="#F2C14E",
        error="#F2717A",
        variables={"muted": "#8B96A6", "line": "#3A4556"},
        dark=True,
    ),
    Theme(
        name="velocity-light",
        primary="#0B62B8",
        secondary="#5B3FC4",
        accent="#B25E00",
        foreground="#1B2129",
        background="#FAFBFC",
        surface="#EEF1F5",
        panel="#DFE4EB",
        success="#1B7F45",
        warning="#8F5B00",
        error="#B3202C",
        variables={"muted": "#5C6773", "line": "#C2CAD4"},
        dark=False,
    ),
    Theme(
        name="velocity-contrast",
        primary="#00FFFF",
        secondary="#FFFF00",
        accent="#FFFF00",
        foreground="#FFFFFF",
        background="#000000",
        surface="#000000",
        panel="#1A1A1A",
        success="#00FF00",
        warning="#FFFF00",
        error="#FF6B6B",
        variables={"muted": "#D0D0D0", "line": "#FFFFFF"},
        dark=True,
        luminosity_spread=0.3,
        text_alpha=1.0,
    ),
)
DEFAULT = THEMES[0].name
VARIABLES = THEMES[0].variables
"""What other themes lack: the colours of labels and of lines around things."""
