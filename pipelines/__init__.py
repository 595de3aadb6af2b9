"""One file a command: plan, run, report; the run protocol, the Ray scheduler, the command line."""
