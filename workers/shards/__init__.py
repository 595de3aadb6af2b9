"""The rows of one shard in, its files out; and the process that makes them, supervised."""
