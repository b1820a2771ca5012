"""What to do about a shortcut: a cleaned copy of the data, weights, and a split that punishes it."""
