"""The version of this program; pyproject.toml reads it from here."""

RELEASE = "0.1.0"
