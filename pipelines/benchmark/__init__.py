"""`reposer benchmark`: the variants of the method on the sample world."""
