"""A trained network and what its file does not say: safe opening, model card, `Classifier`, card check."""
