"""Training of f and g: data, steps, and the loop, which runs in every training process."""
