"""The version that every export carries."""

__version__ = "0.1.0"
