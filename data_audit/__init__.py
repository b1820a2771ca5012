"""A dataset and what is wrong with it. Nothing in this room needs TensorFlow."""
