"""Does the classifier use a marker? Removal, insertion, controls, verdict."""
