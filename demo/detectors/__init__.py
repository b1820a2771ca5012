"""How the marker detectors are trained: images, network, training, and the figures on their card."""
