"""Arrays in, numbers out: how well predictions agree with diagnoses. No TensorFlow, no files."""
