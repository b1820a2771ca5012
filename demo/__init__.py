"""Synthetic dermoscopy datasets and the two small demo classifiers."""
