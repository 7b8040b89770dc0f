"""Sealed packets: AES-128-CCM (RFC 3610) over an AES that the platform hands in.

    type u8 | counter u32 | ciphertext | tag

The five bytes in front are authenticated and stay readable. One key seals one type of packet in one session,
with a counter that only rises, so that no nonce is used twice. Who opens accepts a counter above the last
that opened and nothing else; why a packet does not open, nobody is told.
"""

import struct

from doumen_wire.errors import OutOfRangeError, SealError

SEALED_COMMAND = 0x80  # host to device
SEALED_REPLY = 0x81  # device to host
SEALED_LIVE = 0x82  # device to host, droppable
HEADER = 5
TAG = 16
LIVE_TAG = 8  # what is shown for a sixteenth of a second and never obeyed
MAX_COUNT = 1 << 20  # packets a key; then a new handshake

_PIECE = 256
_MAX_TEXT = 1792
_ZEROS = bytes(_PIECE)


class Aes:
    """What a platform's AES-128 has to do with one key. Buffers are written in place, lengths are whole blocks."""

    def __init__(self, key: bytes) -> None:
        raise NotImplementedError

    def ecb(self, source: memoryview, target: bytearray) -> None:
        """Encrypt each block of source by itself into the beginning of target."""
        raise NotImplementedError

    def cbc(self, source: memoryview, target: bytearray) -> None:
        """Encrypt in a chain that goes on from call to call and began with zeros."""
        raise NotImplementedError

    def xor(self, target: bytearray, at: int, source: "bytes | bytearray", start: int, count: int) -> None:
        """target[at : at + count] ^= source[start : start + count]"""
        raise NotImplementedError


class Scratch:
    """Room in which packets are sealed and opened, one at a time: 0.8 kB for all keys of a device."""

    def __init__(self) -> None:
        self.pieces = bytearray(_PIECE)
        self.view = memoryview(self.pieces)
        self.out = bytearray(_PIECE)
        self.block = bytearray(16)
        self.mask = bytearray(16)


class Ccm:
    """AES-128-CCM with one key: nonces of 13 bytes, texts up to a packet's length.

    A CBC object keeps the end of one packet's chain for the next. It is XORed out of the first block, which
    saves making an object a packet (and its garbage) on the device.
    """

    def __init__(self, aes: Aes, scratch: Scratch) -> None:
        self._aes = aes
        self._scratch = scratch
        self._chain = bytearray(16)

    def seal(
        self,
        nonce: "bytes | bytearray",
        header: "bytes | bytearray",
        buffer: bytearray,
        start: int,
        end: int,
        size: int,
    ) -> int:
        """Encrypt buffer[start:end] in place and put a tag of so many bytes behind it. Returns the new end.

        Raises OutOfRangeError if the text is too long or the buffer has no room for the tag.
        """
        if not 0 <= end - start <= _MAX_TEXT or end + size > len(buffer):
            raise OutOfRangeError(f"text of {end - start} bytes, tag of {size}")
        self._authenticate(nonce, header, buffer, start, end, size)
        self._crypt(nonce, buffer, start, end)
        chain, mask = self._chain, self._scratch.mask
        for i in range(size):
            buffer[end + i] = chain[i] ^ mask[i]
        return end + size

    def open(
        self,
        nonce: "bytes | bytearray",
        header: "bytes | bytearray",
        buffer: bytearray,
        start: int,
        end: int,
        size: int,
    ) -> int:
        """Decrypt buffer[start:end], whose last bytes are the tag, in place. Returns where the text ends.

        Raises SealError; then the buffer holds zeros and nothing that was not authenticated.
        """
        end -= size
        if not 0 <= end - start <= _MAX_TEXT:
            raise SealError("a packet does not open")
        self._crypt(nonce, buffer, start, end)
        self._authenticate(nonce, header, buffer, start, end, size)
        chain, mask = self._chain, self._scratch.mask
        difference = 0
        for i in range(size):  # to the end also when the first byte is wrong: time tells nothing
            difference |= buffer[end + i] ^ chain[i] ^ mask[i]
        if difference:
            self._aes.xor(buffer, start, buffer, start, end - start)
            raise SealError("a packet does not open")
        return end

    def _authenticate(
        self,
        nonce: "bytes | bytearray",
        header: "bytes | bytearray",
        buffer: bytearray,
        start: int,
        end: int,
        size: int,
    ) -> None:
        """Leave the CBC-MAC of header and text in _chain."""
        aes, chain = self._aes, self._chain
        pieces, out, block = self._scratch.pieces, self._scratch.out, self._scratch.block
        block[0] = 0x40 | (size - 2) // 2 << 3 | 1
        block[1:14] = nonce
        block[14] = end - start >> 8
        block[15] = end - start & 0xFF
        pieces[:] = _ZEROS
        pieces[:16] = chain
        aes.xor(pieces, 0, block, 0, 16)
        pieces[17] = len(header)
        pieces[18 : 18 + len(header)] = header
        used = 32
        while True:
            count = min(end - start, _PIECE - used)
            aes.xor(pieces, used, buffer, start, count)
            start += count
            used = used + count + 15 & ~15
            aes.cbc(self._scratch.view if used == _PIECE else self._scratch.view[:used], out)
            # At once: should memory run out before the next piece, the CBC object and we still agree.
            aes.xor(chain, 0, chain, 0, 16)
            aes.xor(chain, 0, out, used - 16, 16)
            if start == end:
                return
            pieces[:] = _ZEROS
            used = 0

    def _crypt(self, nonce: "bytes | bytearray", buffer: bytearray, start: int, end: int) -> None:
        """XOR the key stream over buffer[start:end] and leave its block 0, the tag's, in mask."""
        aes = self._aes
        pieces, out, block = self._scratch.pieces, self._scratch.out, self._scratch.block
        block[0] = 1
        block[1:14] = nonce
        block[14] = 0  # the longest text has 112 blocks
        for at in range(0, min(_PIECE, end - start + 31 & ~15), 16):
            pieces[at : at + 16] = block
        number = 0
        skip = 16
        while True:
            used = min(_PIECE, end - start + skip + 15 & ~15)
            for at in range(15, used, 16):
                pieces[at] = number
                number += 1
            aes.ecb(self._scratch.view if used == _PIECE else self._scratch.view[:used], out)
            if skip:
                self._scratch.mask[:] = _ZEROS[:16]
                aes.xor(self._scratch.mask, 0, out, 0, 16)
            count = min(end - start, _PIECE - skip)
            aes.xor(buffer, start, out, skip, count)
            start += count
            skip = 0
            if start == end:
                return


class _Stream:
    """One type of packet of one session."""

    def __init__(self, packet_type: int, key: bytes, new_aes: "type[Aes]", scratch: Scratch) -> None:
        self.type = packet_type
        self.tag = LIVE_TAG if packet_type == SEALED_LIVE else TAG
        self._ccm = Ccm(new_aes(key), scratch)
        self._header = bytearray(HEADER)
        self._nonce = bytearray(13)
        self._header[0] = self._nonce[0] = packet_type

    def __repr__(self) -> str:
        return f"{type(self).__name__}(0x{self.type:02x})"

    def _count(self, counter: int) -> None:
        struct.pack_into("<I", self._header, 1, counter)
        struct.pack_into(">I", self._nonce, 9, counter)


class Sealer(_Stream):
    """Seals packets of one type. counter: of the next one."""

    counter = 0

    def seal_in(self, buffer: bytearray, start: int, end: int) -> int:
        """Make a packet in place: five bytes free at `start`, then the payload up to `end`, then room for a tag.

        Returns the packet's end. Raises SealError when the key has sealed its share, OutOfRangeError.
        """
        if self.counter >= MAX_COUNT:
            raise SealError("the session is spent; a new handshake is due")
        self._count(self.counter)
        self.counter += 1  # before it is used: whatever fails from here on, no nonce comes twice
        end = self._ccm.seal(self._nonce, self._header, buffer, start + HEADER, end, self.tag)
        buffer[start : start + HEADER] = self._header
        return end

    def seal(self, payload: bytes) -> "tuple[int, bytes]":
        """(counter, ciphertext and tag): what a packet's payload is to be. Raises as seal_in."""
        buffer = bytearray(HEADER) + payload + bytes(self.tag)
        self.seal_in(buffer, 0, HEADER + len(payload))
        return self.counter - 1, bytes(memoryview(buffer)[HEADER:])


class Opener(_Stream):
    """Opens packets of one type. last: counter of the last that opened; lost: gaps; failed: what did not open."""

    last = -1
    lost = 0
    failed = 0

    def open(self, counter: int, sealed: "bytes | bytearray") -> bytes:
        """The payload of a packet: header's counter, ciphertext and tag in; what was sealed out.

        Raises SealError, always in the same words, and forgets the packet.
        """
        if not self.last < counter < MAX_COUNT:
            self.failed += 1
            raise SealError("a packet does not open")
        self._count(counter)
        buffer = bytearray(sealed)
        try:
            end = self._ccm.open(self._nonce, self._header, buffer, 0, len(buffer), self.tag)
        except SealError:
            self.failed += 1
            raise
        self.lost += counter - self.last - 1
        self.last = counter
        return bytes(memoryview(buffer)[:end])
