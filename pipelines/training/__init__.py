"""`reposer train`: what may be trained, and where it runs."""
