"""A device that says what a test tells it to, at the end of an in-memory link that can lose and damage packets."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from doumen.errors import LinkLost
from doumen_wire import messages, packets, records

Reply = tuple[int, bytes]
BADGE_ID = 0xBAD0000000000001
EPOCH = 7


@dataclass
class ScriptedDevice:
    """A Link to itself. Obeys hello and identify; `replies` answers the other commands, by their kind.

    commands: the kinds that arrived, again for every try. hellos: their nonces.
    lose_in(kind, nth), lose_out(kind, nth): whether the nth packet of that kind gets lost; damage likewise.
    """

    role: int = records.BADGE
    replies: dict[int, Callable[[bytes], Sequence[Reply]]] = field(
        default_factory=dict[int, Callable[[bytes], Sequence[Reply]]]
    )
    lose_in: Callable[[int, int], bool] = lambda kind, nth: False
    lose_out: Callable[[int, int], bool] = lambda kind, nth: False
    damage_out: Callable[[int, int], bool] = lambda kind, nth: False
    twice_out: Callable[[int, int], bool] = lambda kind, nth: False
    welcome: Callable[[bytes], Sequence[tuple[int, bytes]]] | None = None
    name: str = "scripted"

    def __post_init__(self) -> None:
        self.commands: list[int] = []
        self.hellos: list[bytes] = []
        self.counters: list[int] = []
        self.closed = 0
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._reader = packets.PacketReader()
        self._writer = packets.PacketWriter()
        self._seen: dict[tuple[str, int], int] = {}
        self._sent = 0

    async def read(self) -> bytes:
        data = await self._incoming.get()
        if data is None:
            raise LinkLost(f"{self.name}: unplugged; plug it in again")
        return data

    async def write(self, data: bytes) -> None:
        for packet in self._reader.feed(data):
            self._hear(packet)

    async def close(self) -> None:
        self.closed += 1

    def unplug(self) -> None:
        self._incoming.put_nowait(None)

    def say_bytes(self, data: bytes) -> None:
        self._incoming.put_nowait(data)

    def say(self, packet_type: int, payload: bytes, kind: int | None = None) -> None:
        """One packet to the host, unless it gets lost. kind: what the faults call it."""
        counter = None
        if packets.is_counted(packet_type):
            counter, self._sent = self._sent, self._sent + 1
        kind = packet_type if kind is None else kind
        nth = self._nth("out", kind)
        data = bytearray(self._writer.pack(packet_type, counter, payload))
        if self.damage_out(kind, nth):
            data[len(data) // 2] ^= 0x5A
        if not self.lose_out(kind, nth):
            self.say_bytes(bytes(data))
            if self.twice_out(kind, nth):
                self.say_bytes(bytes(data))

    def say_live(self, counter: int, body: bytes) -> None:
        message = messages.pack_message(messages.SUBPAGE, 0, body)
        self.say_bytes(bytes(self._writer.pack(packets.LIVE, counter, message)))

    def refuse(self, code: int) -> None:
        version = messages.VERSION
        self.say(
            packets.REFUSE, messages.REFUSE_FIELDS.pack(code=code, min_version=version, max_version=version)
        )

    def _nth(self, way: str, kind: int) -> int:
        self._seen[way, kind] = nth = self._seen.get((way, kind), 0) + 1
        return nth

    def _hear(self, packet: packets.Packet) -> None:
        if packet.type == packets.HELLO:
            nonce = packet.payload[-16:]
            self.hellos.append(nonce)
            if not self.lose_in(packets.HELLO, len(self.hellos)):
                for packet_type, payload in (self.welcome or welcome)(nonce):
                    self.say(packet_type, payload)
            return
        kind, request, body = messages.unpack_message(packet.payload)
        self.commands.append(kind)
        assert packet.counter is not None
        self.counters.append(packet.counter)
        if self.lose_in(kind, self._nth("in", kind)):
            return
        for reply, fields in self._answer(kind, body):
            self.say(packets.REPLY, messages.pack_message(reply, request, fields), reply)

    def _answer(self, kind: int, body: bytes) -> Sequence[Reply]:
        if kind in self.replies:
            return self.replies[kind](body)
        if kind == messages.IDENTIFY:
            return [(messages.IDENTITY_IS, identity(self.role))]
        return [(messages.DONE, b"")]


def welcome(proof: bytes) -> Sequence[tuple[int, bytes]]:
    """The packets that answer a hello with this nonce."""
    fields = messages.WELCOME_FIELDS.pack(
        version=messages.VERSION, suite=messages.SUITE_PLAIN, reserved=0, nonce=bytes(16), proof=proof
    )
    return [(packets.WELCOME, fields)]


def identity(role: int) -> bytes:
    return records.IDENTITY.pack(
        role=role, device_id=BADGE_ID, major=0, minor=1, patch=0, sealed=0, epoch=EPOCH, boots=3
    )


def status(**values: int) -> bytes:
    """A status record, 0 where nothing else is said."""
    names = {name: 0 for name, *_ in records.STATUS.fields}
    return records.STATUS.pack(**(names | {"role": records.BADGE} | values))
