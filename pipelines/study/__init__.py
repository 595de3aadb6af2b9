"""The commands of user studies."""
