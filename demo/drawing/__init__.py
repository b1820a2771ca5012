"""Synthetic dermoscopy: skin, lesions, markers and the camera, each a file."""
