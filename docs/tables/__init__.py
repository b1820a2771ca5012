"""Tables of the documentation, made by commands."""
