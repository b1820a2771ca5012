"""The version in every export."""

__version__ = "0.1.0"
