"""Byte pipes to devices. The seam is one string: `open_link(url)`; nothing above knows what carries the bytes."""

from doumen.links.link import Link
from doumen.links.opening import open_link

__all__ = ["Link", "open_link"]
