"""How the marker detectors are taught: pictures, network, training, and the figures on their card."""
