"""Agreement of predictions with diagnoses: arrays in, numbers out. No TensorFlow, no files."""
