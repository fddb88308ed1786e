"""What is wrong with the machine's set-up, told before anything starts."""


class ConfigError(Exception):
    """A setting, folder or file cannot be used; the message names it and says what to do."""


class UnsafePermissions(ConfigError):
    """A secret can be read, or a folder of secrets written, by other users."""
