"""The command `flowemf`: a file a command, and rooms for replay, for options of several commands and for their output.

Arguments come in; data goes to stdout, everything else to stderr, and an exit code to the shell.
"""
