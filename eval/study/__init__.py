"""User studies: designs, pages, and the statistics of preferences."""
