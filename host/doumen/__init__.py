"""Doumen's host: receives, calibrates, decides, stores and shows."""

__version__ = "0.1.0"
