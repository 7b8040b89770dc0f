"""A NOR flash: erasing a block sets its bits, programming only clears them; it keeps what it holds without power."""

from doumen.errors import SimulatorError


class NorFlash:
    """blocks of block_bytes each; erases counts them, which is what wears a real one out."""

    def __init__(self, blocks: int, block_bytes: int) -> None:
        self._bytes = bytearray(b"\xff" * (blocks * block_bytes))
        self._block_bytes = block_bytes
        self.erases = 0
        self.programs = 0

    def read(self, block: int, offset: int, size: int) -> bytes:
        """Some bytes, from offset in a block on."""
        start = self._place(block, offset, size)
        return bytes(self._bytes[start : start + size])

    def program(self, block: int, offset: int, data: bytes) -> None:
        """Clear the bits that data has clear."""
        start = self._place(block, offset, len(data))
        old = int.from_bytes(self._bytes[start : start + len(data)], "little")
        new = old & int.from_bytes(data, "little")
        self._bytes[start : start + len(data)] = new.to_bytes(len(data), "little")
        self.programs += 1

    def erase(self, block: int) -> None:
        """Set all bits of a block."""
        start = self._place(block, 0, self._block_bytes)
        self._bytes[start : start + self._block_bytes] = b"\xff" * self._block_bytes
        self.erases += 1

    def _place(self, block: int, offset: int, size: int) -> int:
        start = block * self._block_bytes + offset
        if offset < 0 or block < 0 or start + size > len(self._bytes):
            raise SimulatorError(f"flash access outside: block {block}, offset {offset}, {size} bytes")
        return start
