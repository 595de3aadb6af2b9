"""Faults injected for real, and what a run is after them: `python -m tests.faults`."""
