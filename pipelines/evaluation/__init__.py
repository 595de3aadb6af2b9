"""`reposer evaluate`: which pairs are scored, and what their scores add up to."""
