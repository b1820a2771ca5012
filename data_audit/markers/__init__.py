"""Markers in a picture: the shipped detectors, what they find, and where."""
