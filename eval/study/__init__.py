"""User studies: their statistics and their report."""
