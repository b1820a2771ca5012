"""Trained networks and what their files do not say: safe opening, model card, `Classifier`, card check."""
