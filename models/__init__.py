"""The method: UV layouts, splat, networks f and g, checkpoints; torch and numpy only."""
