"""The database: what devices handed over and what gates decided, each exactly once."""

from doumen.store.devices import Device
from doumen.store.passages import StoredPassage
from doumen.store.positionfixes import Cursor, Ingested, StoredBlock
from doumen.store.store import Store

__all__ = ["Cursor", "Device", "Ingested", "Store", "StoredBlock", "StoredPassage"]
