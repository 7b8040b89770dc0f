"""`replay:FILE`: a recording that answers like the gate it was made of, at the pace it was made.

    replay:morning.dmr              its first start
    replay:morning.dmr?start=1      what it streamed after the gate had started a second time

It knows what a recording knows: identity, EEPROM, subpages. Verdicts are accepted and light nothing.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs

import numpy as np

from doumen.errors import LinkEnded, LinkLost, LinkNotFound, RecordingError
from doumen.recording import Recording, Segment
from doumen_wire import messages, packets, records
from doumen_wire.errors import WireError

_TICKS_PERIOD = 1 << 30


class ReplayLink:
    """One start of a recorded gate. Raises LinkEnded from read when there is nothing more."""

    def __init__(self, name: str, device_id: int, segment: Segment, number: int) -> None:
        self.name = name
        self._device_id = device_id
        self._segment = segment
        self._number = number
        self._reader = packets.PacketReader()
        self._writer = packets.PacketWriter()
        self._out = bytearray()
        self._changed = asyncio.Event()
        self._sent = 0
        self._live_sent = 0
        self._next = 0
        self._began_s: float | None = None  # loop time at which the first subpage was due
        self._is_closed = False
        ticks = segment.ticks_ms.astype(np.int64)
        self._due_ms = (
            np.concatenate([[0], np.cumsum(np.diff(ticks) % _TICKS_PERIOD)]) if len(ticks) else ticks
        )

    @classmethod
    async def open(cls, url: str) -> "ReplayLink":
        """Raises LinkNotFound if there is no such recording or start."""
        path, _, query = url.partition(":")[2].partition("?")
        start = parse_qs(query).get("start", ["0"])[0]
        try:
            recording = await asyncio.to_thread(Recording.open, path)
            if not start.isdecimal():
                raise ValueError(start)
            segment = recording.segments[int(start)]
            device_id = int(recording.device_id, 16)
        except RecordingError as error:
            raise LinkNotFound(str(error)) from error
        except (IndexError, ValueError) as error:
            raise LinkNotFound(f"{url}: the recording has no start {start}; they count from 0") from error
        return cls(url, device_id, segment, int(start))

    async def read(self) -> bytes:
        """See Link."""
        loop = asyncio.get_running_loop()
        while True:
            if self._is_closed:
                raise LinkLost(f"{self.name}: closed")
            if self._out:
                data, self._out = bytes(self._out), bytearray()
                return data
            wait_s: float | None = None
            if self._began_s is not None:
                if self._next >= len(self._due_ms):
                    raise LinkEnded(f"{self.name}: the recording has come to its end")
                wait_s = self._began_s + int(self._due_ms[self._next]) / 1000 - loop.time()
                if wait_s <= 0:
                    self._stream_one()
                    continue
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait_s)
            except TimeoutError:
                continue

    async def write(self, data: bytes) -> None:
        """See Link."""
        for packet in self._reader.feed(data):
            if packet.type == packets.HELLO:
                self._welcome(packet.payload)
            elif packet.type == packets.COMMAND:
                self._obey(packet.payload)
        self._changed.set()

    async def close(self) -> None:
        """See Link."""
        self._is_closed = True
        self._changed.set()

    def _welcome(self, payload: bytes) -> None:
        hello = messages.HELLO_FIELDS.unpack_mixed(payload)
        welcome = messages.WELCOME_FIELDS.pack(
            version=messages.VERSION,
            suite=messages.SUITE_PLAIN,
            reserved=0,
            nonce=bytes(16),
            proof=hello["nonce"],
        )
        self._sent = 0
        self._out += self._writer.pack(packets.WELCOME, None, welcome)

    def _obey(self, payload: bytes) -> None:
        answers: dict[int, Callable[[], tuple[int, bytes]]] = {
            messages.IDENTIFY: lambda: (messages.IDENTITY_IS, self._identity()),
            messages.GET_EEPROM: lambda: (messages.EEPROM_IS, self._segment.eeprom.astype(">u2").tobytes()),
            messages.GET_STATUS: lambda: (messages.STATUS_IS, self._status()),
            messages.TIME: lambda: (messages.TIME_IS, messages.TIME_IS_FIELDS.pack(ticks_ms=0, boots=1)),
            messages.VERDICT: lambda: (messages.DONE, b""),
        }
        kind, request, body = messages.unpack_message(payload)
        try:
            if kind == messages.STREAM:
                self._stream(bool(messages.STREAM_FIELDS.unpack(body)["on"]))
                answer = (messages.DONE, b"")
            else:
                answer = answers[kind]()
        except (KeyError, WireError):
            version = messages.VERSION
            fields = messages.REFUSED_FIELDS.pack(
                code=messages.WRONG_ROLE, kind=kind, min_version=version, max_version=version
            )
            answer = (messages.REFUSED, fields)
        message = messages.pack_message(answer[0], request, answer[1])
        self._out += self._writer.pack(packets.REPLY, self._sent, message)
        self._sent += 1

    def _stream(self, on: bool) -> None:
        if on and self._began_s is None:
            self._began_s = asyncio.get_running_loop().time()

    def _stream_one(self) -> None:
        words = self._segment.subpages[self._next]
        head = records.SUBPAGE_HEAD.pack(
            sequence=int(self._segment.sequence[self._next]),
            ticks_ms=int(self._segment.ticks_ms[self._next]) % _TICKS_PERIOD,
            control=int(words[832]),
            status=int(words[833]),
        )
        message = messages.pack_message(messages.SUBPAGE, 0) + head + words[:832].astype(">u2").tobytes()
        self._out += self._writer.pack(packets.LIVE, self._live_sent, message)
        self._live_sent += 1
        self._next += 1

    def _identity(self) -> bytes:
        numbers = [
            int(part) if part.isdigit() else 0 for part in f"{self._segment.firmware}.0.0.0".split(".")[:3]
        ]
        return records.IDENTITY.pack(
            role=records.GATE,
            device_id=self._device_id,
            major=numbers[0] & 0xFF,
            minor=numbers[1] & 0xFF,
            patch=numbers[2] & 0xFF,
            sealed=0,
            epoch=0,
            boots=self._number + 1,
        )

    def _status(self) -> bytes:
        at = min(self._next, len(self._segment.ticks_ms) - 1)
        known = {
            "role": records.GATE,
            "service": records.IN_SERVICE,
            "uptime_ms": int(self._segment.ticks_ms[at]) if at >= 0 else 0,
            "subpages": self._next,
        }
        return records.STATUS.pack(**{field[0]: known.get(field[0], 0) for field in records.STATUS.fields})
