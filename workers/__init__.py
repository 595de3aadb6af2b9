"""What turns the keys of one shard into rows; never import ray here."""
