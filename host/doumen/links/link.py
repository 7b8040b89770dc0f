"""What every byte pipe can do."""

from typing import Protocol


class Link(Protocol):
    """An open byte pipe. Once it raised LinkLost it is gone; open another."""

    name: str

    async def read(self) -> bytes:
        """The bytes that have come in, at least one. Raises LinkLost."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand over all of it. Raises LinkLost."""
        ...

    async def close(self) -> None:
        """Give the pipe back; closing twice is no error."""
        ...
