"""A photograph -> landmarks and a mask -> a fitted body -> a UV map of layout `anny`."""
