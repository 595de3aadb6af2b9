"""Typed configuration: the schema of every command and the YAML files that set it."""
