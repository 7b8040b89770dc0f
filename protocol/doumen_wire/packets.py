"""Packets: how bytes are cut out of a stream that may lose, repeat or invent some.

    00 | COBS( type u8 | counter u32 | payload | CRC-32 ) | 00

Handshake packets (types 1 to 3) carry no counter. The zero in front makes sure that noise before a packet
(an ESP32's boot messages, for one) spoils nothing but itself. Counters rise by one a packet of a type, so
that the reader of a link can count what was lost.

COBS: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM ToN 7(2), 1999.
CRC-32: ISO-HDLC, as in zlib.
"""

import binascii
import struct

from doumen_wire.errors import OutOfRangeError

HELLO = 0x01
WELCOME = 0x02
REFUSE = 0x03
COMMAND = 0x40  # host to device, unsealed
REPLY = 0x41  # device to host, unsealed
LIVE = 0x42  # device to host, unsealed, droppable

MAX_PACKET = 1792  # type, counter and payload, before the CRC
_FIRST_COUNTED = COMMAND
_LAST_COUNTED = LIVE


class Packet:
    """One packet as it arrived. counter is None where the type carries none."""

    __slots__ = ("counter", "payload", "type")

    def __init__(self, packet_type: int, counter: "int | None", payload: bytes) -> None:
        self.type = packet_type
        self.counter = counter
        self.payload = payload

    def __repr__(self) -> str:
        return f"Packet(0x{self.type:02x}, {self.counter}, {len(self.payload)} B)"


def is_counted(packet_type: int) -> bool:
    """Whether packets of this type carry a counter."""
    return _FIRST_COUNTED <= packet_type <= _LAST_COUNTED


def stuff(buffer: bytearray, start: int, end: int) -> int:
    """COBS in place: data stand at buffer[start + 1 : end], buffer[start] is free. Returns the new end.

    A zero byte becomes the distance to the next one, so nothing moves but after 254 bytes without a zero.
    """
    code = start
    while True:
        zero = buffer.find(b"\0", code + 1, end)
        if zero < 0:
            zero = end
        while zero - code > 254:
            buffer[code] = 255
            code += 255
            if code == end:  # the run of 254 ends the data: no further code is due
                return end
            buffer[code + 1 : end + 1] = buffer[code:end]
            end += 1
            zero += 1
        buffer[code] = zero - code
        if zero == end:
            return end
        code = zero


def unstuff(buffer: bytearray, size: int) -> int:
    """The reverse, in place: buffer[:size] was encoded. Returns how many bytes came out; -1 if it is no encoding.

    What comes out is never longer than what was read, so it can be written over it.
    """
    position = end = 0
    while position < size:
        code = buffer[position]
        following = position + code
        if code == 0 or following > size:
            return -1
        buffer[end : end + code - 1] = buffer[position + 1 : following]
        end += code - 1
        position = following
        if code < 255 and position < size:
            buffer[end] = 0
            end += 1
    return end


class PacketWriter:
    """Packs one packet at a time into a buffer of its own."""

    def __init__(self, max_payload: int = MAX_PACKET - 5) -> None:
        body = max_payload + 5 + 4
        self._buffer = bytearray(1 + 1 + body + body // 254 + 1 + 1)
        self._view = memoryview(self._buffer)
        self._max_payload = max_payload

    def pack(
        self, packet_type: int, counter: "int | None", *parts: "bytes | bytearray | memoryview"
    ) -> memoryview:
        """Delimiters, COBS and CRC around the parts of a payload; good until the next call.

        Raises OutOfRangeError if the payload is too long or type or counter does not fit.
        """
        if not 0 <= packet_type <= 0xFF:
            raise OutOfRangeError(f"packet type {packet_type}")
        buffer = self._buffer
        buffer[0] = 0
        buffer[2] = packet_type
        end = 3
        if is_counted(packet_type):
            if counter is None or not 0 <= counter <= 0xFFFFFFFF:
                raise OutOfRangeError(f"counter of packet 0x{packet_type:02x}: {counter}")
            struct.pack_into("<I", buffer, 3, counter)
            end = 7
        size = 0
        for part in parts:
            size += len(part)
        if size > self._max_payload:
            raise OutOfRangeError(f"payload of {size} bytes, at most {self._max_payload} fit")
        for part in parts:
            buffer[end : end + len(part)] = part
            end += len(part)
        struct.pack_into("<I", buffer, end, binascii.crc32(self._view[2:end]))
        end = stuff(buffer, 1, end + 4)
        buffer[end] = 0
        return self._view[: end + 1]


class PacketReader:
    """Turns a byte stream in any slicing into packets, in a buffer that is made once.

    max_packet: longer ones are noise to this reader (type, counter and payload, before the CRC).
    rejected counts what stood between two zeros and was no packet: noise, torn or damaged packets.
    """

    def __init__(self, max_packet: int = MAX_PACKET) -> None:
        body = max_packet + 4
        self._held = bytearray(body + body // 254 + 1)
        self._used = 0
        self._overlong = False
        self._max_packet = max_packet
        self.rejected = 0

    def feed(self, data: bytes) -> "list[Packet]":
        """The packets that these bytes complete."""
        packets: list[Packet] = []
        start = 0
        while True:
            zero = data.find(b"\0", start)
            end = len(data) if zero < 0 else zero
            used = self._used + end - start
            if used > len(self._held):
                self._overlong = True
            elif end > start and not self._overlong:
                self._held[self._used : used] = data[start:end]
                self._used = used
            if zero < 0:
                return packets
            if self._overlong or self._used:
                packet = None if self._overlong else self._open()
                if packet is None:
                    self.rejected += 1
                else:
                    packets.append(packet)
                self._used = 0
                self._overlong = False
            start = zero + 1

    def _open(self) -> "Packet | None":
        body = self._held
        end = unstuff(body, self._used) - 4
        if not 1 <= end <= self._max_packet:
            return None
        view = memoryview(body)
        if binascii.crc32(view[:end]) != struct.unpack_from("<I", body, end)[0]:
            return None
        packet_type = body[0]
        if not is_counted(packet_type):
            return Packet(packet_type, None, bytes(view[1:end]))
        if end < 5:
            return None
        return Packet(packet_type, struct.unpack_from("<I", body, 1)[0], bytes(view[5:end]))
