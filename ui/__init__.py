"""Everything of the user interface that is not a page script."""
