"""What holds for all tests."""

import signal

# A shell lets what it puts into the background ignore Ctrl-C, with all that is started from there;
# some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
