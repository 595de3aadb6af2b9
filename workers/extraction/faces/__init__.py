"""Meshes of faces -> the rows of a catalog."""
