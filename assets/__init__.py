"""Files that come with the software: the bundled sample catalog."""
