"""The conversation with one device: hello, questions and answers, sync, live subpages.

    async with await connect("/dev/ttyUSB0") as client:
        print(client.identity, await client.status())

One task reads the link. A lost request or answer is asked again; every command bears being obeyed twice.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from doumen.errors import DeviceRefused, DoumenError, LinkError, LinkLost
from doumen.links import Link, open_link
from doumen.model import Positionfix, Verdict
from doumen.store import Cursor, Ingested, Store, StoredBlock
from doumen_wire import messages, packets, records
from doumen_wire.errors import WireError
from doumen_wire.layout import Layout

_ANSWER_S = 1.0
_TRIES = 4
_MOST_IN_VAIN = 8
_LIVE_QUEUE = 32
_MOST_PARTS = 512  # of one answer; twice what may be asked for
_MOST_UNREAD = 1024  # answers; more than that nobody has asked for
_ROLES = {records.GATE: "gate", records.BADGE: "badge"}

_REFUSE_NAMES = {
    messages.REFUSE_NO_KEY: "it holds no key",
    messages.REFUSE_VERSION: "it speaks none of our versions; update its firmware or this host",
    messages.REFUSE_SUITE: "it accepts none of our cipher suites; update its firmware or this host",
    messages.REFUSE_NO_SESSION: "it has restarted",
    messages.REFUSE_TYPE: "it does not know this type of packet; update its firmware",
    messages.REFUSE_MALFORMED: "the packet had the wrong length; update its firmware or this host",
}
_REFUSED_NAMES = {
    messages.UNKNOWN_KIND: "it does not know this command: its firmware is older than this host",
    messages.MALFORMED: "the command had the wrong length; update its firmware or this host",
    messages.OUT_OF_RANGE: "a value was out of range",
    messages.WRONG_ROLE: "a device of this role has no such thing; name another port",
    messages.OTHER_EPOCH: "its log has a new epoch: it was wiped or restored",
    messages.SENSOR_SILENT: "its thermal sensor does not answer; check SDA, SCL and 3.3 V",
    messages.FLASH_FAILED: "its flash failed",
}

T = TypeVar("T")
Answer = packets.Packet | tuple[int, int, bytes]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device says it is. epoch: of its log (a gate has none: 0); boots: how often it has started."""

    device_id: str
    role: str
    firmware: str
    epoch: int
    boots: int


@dataclass(frozen=True, slots=True)
class Subpage:
    """Half a frame as it came off the sensor's bus.

    words: (834,) uint16: 768 pixels, 64 auxiliary words, control register 1, number of the subpage.
    """

    sequence: int
    ticks_ms: int
    words: NDArray[np.uint16]


@dataclass(slots=True)
class LinkCounts:
    """What was seen since the hello.

    lost: gaps in the counter of live packets; overtaken: subpages that this side was too slow for;
    rejected: noise and damaged packets; unknown: messages that this side does not know.
    """

    subpages: int = 0
    lost: int = 0
    overtaken: int = 0
    rejected: int = 0
    unknown: int = 0


async def connect(url: str) -> "Client":
    """Open the link and say hello.

    Raises LinkNotFound, LinkError, LinkLost when nobody answers, DeviceRefused.
    """
    client = Client(await open_link(url))
    try:
        await client.hello()
    except BaseException:
        await client.close()
        raise
    return client


class Client:
    """A conversation over an open link. `identity` is known after hello()."""

    identity: Identity

    def __init__(self, link: Link) -> None:
        self._link = link
        self._writer = packets.PacketWriter()
        self._reader = packets.PacketReader()
        self._sent = 0
        self._request = 0
        self._next_live: int | None = None
        self._asking = asyncio.Lock()
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._live: asyncio.Queue[Subpage] = asyncio.Queue()
        self._is_open = False
        self.counts = LinkCounts()
        self._task = asyncio.create_task(self._listen())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the conversation and close the link; closing twice is no error."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, DoumenError):
            await self._task
        await self._link.close()

    async def hello(self) -> Identity:
        """Begin a session and ask who the device is.

        Raises LinkLost if nobody answers, DeviceRefused if it speaks no version of ours.
        """
        for _ in range(_TRIES):
            nonce = os.urandom(16)
            hello = messages.HELLO_FIELDS.pack(
                min_version=messages.VERSION,
                max_version=messages.VERSION,
                suites=messages.SUITE_PLAIN,
                nonce=nonce,
            )
            await self._link.write(bytes(self._writer.pack(packets.HELLO, None, hello)))
            with suppress(TimeoutError):
                await self._welcomed(nonce)
                self._is_open = True
                self._sent = 0
                self._next_live = None
                self.identity = await self._identify()
                return self.identity
        raise LinkLost(
            f"{self._link.name}: nobody answers; is Doumen's firmware on it, and no other program at it?"
        )

    async def ask(self, kind: int, fields: bytes, expected: int) -> bytes:
        """One command and the fields of its reply.

        Raises LinkLost if no reply comes, DeviceRefused if the device will not.
        """
        _, last = await self._converse(kind, fields, {expected})
        return last

    async def status(self) -> dict[str, int]:
        """The device's status record, by the names of `doumen_wire.records.STATUS`."""
        return _read(records.STATUS, await self.ask(messages.GET_STATUS, b"", messages.STATUS_IS))

    async def set_time(self, host_ms: int) -> None:
        """Tell the device what time it is, ms since 1970 UTC."""
        await self.ask(messages.TIME, messages.TIME_FIELDS.pack(host_ms=host_ms), messages.TIME_IS)

    async def eeprom(self) -> NDArray[np.uint16]:
        """(832,) uint16, the gate's sensor's own. Raises DeviceRefused while the sensor does not answer."""
        data = await self.ask(messages.GET_EEPROM, b"", messages.EEPROM_IS)
        if len(data) != records.EEPROM_BYTES:
            raise LinkError(
                f"{self._link.name}: an EEPROM of {len(data)} bytes; update this host or the firmware"
            )
        return np.frombuffer(data, ">u2").astype(np.uint16)

    async def stream(self, on: bool) -> None:
        """Begin or end live subpages."""
        await self.ask(messages.STREAM, messages.STREAM_FIELDS.pack(on=int(on)), messages.DONE)

    async def subpage(self, timeout_s: float) -> Subpage:
        """The next live subpage. Raises TimeoutError, LinkLost."""
        return await self._next(self._live, timeout_s)

    async def show(self, verdict: Verdict, passage: int, hold_ms: int) -> None:
        """Make the gate show a verdict for so long."""
        fields = messages.VERDICT_FIELDS.pack(verdict=int(verdict), passage=passage, hold_ms=hold_ms)
        await self.ask(messages.VERDICT, fields, messages.DONE)

    async def sync(
        self,
        store: Store,
        progress: Callable[[int, int, Ingested], None] | None = None,
        *,
        blocks_at_once: int = 16,
    ) -> Ingested:
        """Take over everything that the badge has logged; what is stored and acknowledged it forgets.

        Rows and cursor are committed together before the badge is told. progress: called with next cursor, end
        of the log, stored so far. blocks_at_once: that many (1 to 256) in one transaction.
        Raises LinkLost, DeviceRefused, StoreError; what was acknowledged before stays stored.
        """
        device_id, epoch = self.identity.device_id, self.identity.epoch
        fixes = store.positionfixes
        cursor = await asyncio.to_thread(fixes.cursor, device_id, epoch)
        total = Ingested(0, 0)
        in_vain = 0
        while True:
            before = cursor
            # What gets lost at the same place every time comes through one by one.
            blocks, cursor, end = await self._read_blocks(epoch, cursor, 1 if in_vain else blocks_at_once)
            in_vain = in_vain + 1 if cursor == before and cursor < end else 0
            if in_vain == _MOST_IN_VAIN:
                raise LinkLost(f"{self._link.name}: its blocks do not get through; try another cable or port")
            got = await asyncio.to_thread(fixes.ingest, device_id, blocks, Cursor(epoch, cursor))
            total = Ingested(total.stored + got.stored, total.duplicated + got.duplicated)
            await self.ask(messages.ACK, messages.ACK_FIELDS.pack(epoch=epoch, cursor=cursor), messages.DONE)
            if progress is not None:
                progress(cursor, end, total)
            if cursor >= end:
                return total

    async def _read_blocks(self, epoch: int, cursor: int, credits: int) -> tuple[list[StoredBlock], int, int]:
        """Some blocks from cursor on, the cursor after them, and the end of the log."""
        request = messages.READ_FIELDS.pack(epoch=epoch, cursor=cursor, credits=credits)
        parts, last = await self._converse(messages.READ, request, {messages.END}, messages.BLOCK)
        end = _read(messages.END_FIELDS, last)
        blocks: list[StoredBlock] = []
        head = messages.BLOCK_FIELDS.size
        for part in parts:
            index = _read(messages.BLOCK_FIELDS, part[:head])["index"]
            if index != len(blocks):
                break  # one was lost on the way: what follows is read again from there
            blocks.append(self._block(part[head:], epoch))
        if len(blocks) == end["count"]:
            return blocks, end["next_cursor"], end["log_next"]
        return blocks, (blocks[-1].seq + 1 if blocks else cursor), end["log_next"]

    def _block(self, data: bytes, epoch: int) -> StoredBlock:
        try:
            seq, boots, fixes = records.unpack_block(data, epoch)
        except WireError as error:
            raise LinkError(
                f"{self._link.name}: its log holds a block that makes no sense: {error}"
            ) from error
        return StoredBlock(epoch, seq, boots, [Positionfix(**fix) for fix in fixes])

    async def _identify(self) -> Identity:
        fields = _read(records.IDENTITY, await self.ask(messages.IDENTIFY, b"", messages.IDENTITY_IS))
        return Identity(
            device_id=f"{fields['device_id']:016x}",
            role=_ROLES[fields["role"]],
            firmware=f"{fields['major']}.{fields['minor']}.{fields['patch']}",
            epoch=fields["epoch"],
            boots=fields["boots"],
        )

    async def _welcomed(self, nonce: bytes) -> None:
        while True:
            packet = await self._next(self._answers, _ANSWER_S)
            if not isinstance(packet, packets.Packet):
                continue  # of a session before this one
            if packet.type == packets.WELCOME:
                try:
                    welcome = messages.WELCOME_FIELDS.unpack_mixed(packet.payload)
                except WireError:
                    continue
                if welcome["proof"] == nonce:
                    if (welcome["version"], welcome["suite"]) != (messages.VERSION, messages.SUITE_PLAIN):
                        raise LinkError(
                            f"{self._link.name}: it welcomes us with version {welcome['version']}, suite "
                            f"{welcome['suite']}, which were not offered; update this host or the firmware"
                        )
                    return
            elif (refused := _refusal(packet, self._link.name)).code != messages.REFUSE_NO_SESSION:
                raise refused

    async def _converse(
        self, kind: int, fields: bytes, last: set[int], part: int | None = None
    ) -> tuple[list[bytes], bytes]:
        """Ask until the reply that ends it has come: the parts before it, and its fields."""
        async with self._asking:
            self._request = self._request % 0xFFFF + 1
            message = messages.pack_message(kind, self._request, fields)
            for _ in range(_TRIES):
                await self._link.write(bytes(self._writer.pack(packets.COMMAND, self._sent, message)))
                self._sent += 1
                parts: list[bytes] = []
                with suppress(TimeoutError):
                    while True:
                        got, body = await self._reply(self._request)
                        if got == part:
                            parts.append(body)
                            if len(parts) > _MOST_PARTS:
                                raise LinkError(
                                    f"{self._link.name}: its answer has no end; update its firmware"
                                )
                        elif got in last:
                            return parts, body
                        elif got == messages.REFUSED:
                            code = _read(messages.REFUSED_FIELDS, body)["code"]
                            raise DeviceRefused(code, _refused(_REFUSED_NAMES, code, self._link.name))
                        else:
                            self.counts.unknown += 1
        raise LinkLost(f"{self._link.name}: the device has stopped answering")

    async def _reply(self, request: int) -> tuple[int, bytes]:
        while True:
            answer = await self._next(self._answers, _ANSWER_S)
            if not isinstance(answer, packets.Packet) and answer[1] == request:
                return answer[0], answer[2]

    async def _next(self, queue: "asyncio.Queue[T]", timeout_s: float) -> T:
        """The next of a queue. Raises TimeoutError, or whatever ended the listening."""
        getting = asyncio.ensure_future(queue.get())
        try:
            await asyncio.wait({getting, self._task}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return getting.result()
            if self._task.done():
                self._task.result()
            raise TimeoutError
        finally:
            getting.cancel()

    async def _listen(self) -> None:
        while True:
            for packet in self._reader.feed(await self._link.read()):
                self._take(packet)
            self.counts.rejected = self._reader.rejected

    def _take(self, packet: packets.Packet) -> None:
        if packet.type == packets.REFUSE and self._is_open:
            code = _read(messages.REFUSE_FIELDS, packet.payload)["code"]
            raise LinkLost(f"{self._link.name}: {_said(_REFUSE_NAMES, code)}")
        if packet.type in (packets.WELCOME, packets.REFUSE):
            self._take_answer(packet)
            return
        try:
            kind, request, body = messages.unpack_message(packet.payload)
        except WireError:
            self.counts.unknown += 1
            return
        if packet.type == packets.REPLY:
            self._take_answer((kind, request, body))
        elif packet.type == packets.LIVE and kind == messages.SUBPAGE and packet.counter is not None:
            self._take_subpage(packet.counter, body)
        else:
            self.counts.unknown += 1

    def _take_answer(self, answer: Answer) -> None:
        if self._answers.qsize() < _MOST_UNREAD:
            self._answers.put_nowait(answer)
        else:
            self.counts.unknown += 1

    def _take_subpage(self, counter: int, body: bytes) -> None:
        size = records.SUBPAGE_HEAD.size
        try:
            head = records.SUBPAGE_HEAD.unpack(body[:size])
        except WireError:
            head = None
        if head is None or len(body) != size + records.SUBPAGE_BYTES:
            self.counts.unknown += 1
            return
        if self._next_live is not None and counter > self._next_live:
            self.counts.lost += counter - self._next_live
        self._next_live = counter + 1
        words = np.empty(834, np.uint16)
        words[:832] = np.frombuffer(body, ">u2", offset=size)
        words[832] = head["control"]
        words[833] = head["status"] & 7
        if self._live.qsize() >= _LIVE_QUEUE:
            self._live.get_nowait()
            self.counts.overtaken += 1
        self._live.put_nowait(Subpage(head["sequence"], head["ticks_ms"], words))
        self.counts.subpages += 1


def _read(layout: Layout, data: bytes) -> dict[str, int]:
    """A reply's fields. Raises LinkError if they are not as they should be: two versions that do not fit."""
    try:
        return layout.unpack(data)
    except WireError as error:
        raise LinkError(
            f"the device's answer makes no sense ({error}); update this host or the firmware"
        ) from error


def _refusal(packet: packets.Packet, name: str) -> DeviceRefused:
    code = _read(messages.REFUSE_FIELDS, packet.payload)["code"]
    return DeviceRefused(code, _refused(_REFUSE_NAMES, code, name))


def _refused(names: dict[int, str], code: int, name: str) -> str:
    return f"{name}: the device refuses: {_said(names, code)}"


def _said(names: dict[int, str], code: int) -> str:
    return names.get(code, f"reason {code}, which this host does not know; update this host")
