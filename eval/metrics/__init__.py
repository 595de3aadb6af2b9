"""Metrics under their exact names: definitions, pair metrics, distribution metrics."""
