"""The command `flowemf`: one file a command, and what the commands share.

Arguments come in; data goes to stdout, everything else to stderr, and an exit code to the shell.
"""
