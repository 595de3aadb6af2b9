"""Photographs -> the rows of a catalog."""
