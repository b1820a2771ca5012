"""Draws the synthetic dermoscopy datasets and trains the two small demo classifiers."""
