"""A photograph -> landmarks and a mask -> a fitted body -> a UV map of layout `anny`."""

SIDE = 256  # pixels of the upright square that a person is fitted in
