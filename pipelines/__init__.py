"""A file or folder a command: plan, run, report; and the command line."""
