"""The method: UV layouts, splat and sampling, networks f and g, checkpoints. torch and numpy only."""
