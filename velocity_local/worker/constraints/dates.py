"""RFC 3339 dates and times as exact regular expressions: leap years right, no leap seconds.

llguidance's own let 29 February pass in any year, and second 60 in any minute.
https://www.rfc-editor.org/rfc/rfc3339#section-5.6
"""

_LEAP_TWO_DIGITS = "(0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = f"([0-9]{{2}}{_LEAP_TWO_DIGITS}|(00|{_LEAP_TWO_DIGITS})00)"
_DAY = "(0[1-9]|1[0-9]|2[0-8])"
_COMMON = f"(0[1-9]|1[0-2])-{_DAY}|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31"
DATE = f"([0-9]{{4}}-({_COMMON})|{_LEAP_YEAR}-02-29)"
_HOUR_AND_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"{_HOUR_AND_MINUTE}:[0-5][0-9](\.[0-9]+)?([zZ]|[+-]{_HOUR_AND_MINUTE})"

PATTERNS = {
    "date": f"^{DATE}$",
    "time": f"^{TIME}$",
    "date-time": f"^{DATE}[tT]{TIME}$",
}
