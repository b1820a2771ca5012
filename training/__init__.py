"""From a dataset to a trained classifier."""
