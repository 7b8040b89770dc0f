"""The `doumen` command."""

from doumen.cli.main import main

__all__ = ["main"]
