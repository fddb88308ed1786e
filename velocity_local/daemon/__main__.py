"""`python -m velocity_local.daemon`: the daemon in the foreground."""

import sys

from velocity_local.daemon.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
