"""Callables that turn the rows of one shard into tables; never import ray here."""
