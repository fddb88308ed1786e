"""Set up this checkout and run it: `python packaging/bootstrap start`.

Needs the standard library only. This file and `interpreter` also parse on old Pythons, so that
an old one can say what is missing.
"""

import sys

import interpreter

if __name__ == "__main__":
    interpreter.ensure()
    import commands

    sys.exit(commands.main(sys.argv[1:]))
