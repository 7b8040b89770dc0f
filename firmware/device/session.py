"""A conversation with one host over any link: commands in, replies out, live data when there is room.

The device speaks only when spoken to, but for live data. A new hello replaces the session before it.
"""

import asyncio
import os
from time import ticks_diff, ticks_ms

from micropython import const

from doumen_wire import messages, packets
from doumen_wire.errors import OutOfRangeError, TruncatedError, VersionError

_HOST_SILENT_MS = const(3000)
_LONGEST_COMMAND = const(256)  # what is longer on the way in is noise


class Refusal(Exception):
    """A handler's word that it will not; args[0] is the code in messages."""


class Session:
    """handlers: message kind -> async function(session, request, fields). live: nothing, or a LiveSlot.

    longest_reply: bytes of the longest message that a handler sends; room for it is made once.
    A link that reads no bytes at all tells that another connection begins.
    """

    def __init__(self, link, handlers, counters, live=None, longest_reply=packets.MAX_PACKET - 5):
        self._link = link
        self._handlers = handlers
        self._counters = counters
        self._live = live
        self._reader = packets.PacketReader(_LONGEST_COMMAND)
        self._replies = packets.PacketWriter(longest_reply)
        self._heard_ms = None
        self._is_open = False
        self._received = -1
        self._sent = 0
        self._live_sent = 0
        self.streaming = False

    def host_present(self):
        """Whether a host has spoken in this session during the last three seconds."""
        if self._heard_ms is not None and ticks_diff(ticks_ms(), self._heard_ms) >= _HOST_SILENT_MS:
            self._heard_ms = None  # remembered: after six days the ticks would have wrapped and say otherwise
        return self._heard_ms is not None

    async def receive(self):
        """Read and obey, for ever."""
        rejected = 0
        while True:
            data = await self._link.read()
            if not data:
                self._begin_anew()
                rejected = 0
                continue
            for packet in self._reader.feed(data):
                await self._on_packet(packet)
            self._counters.crc_errors += self._reader.rejected - rejected
            rejected = self._reader.rejected

    def _begin_anew(self):
        """What follows is another connection's: it inherits nothing."""
        self._reader = packets.PacketReader(_LONGEST_COMMAND)
        self._is_open = False
        self.streaming = False
        self._heard_ms = None

    async def stream(self):
        """Send the newest live message whenever the link has room, for ever."""
        writer = packets.PacketWriter()
        while True:
            head, payload = await self._live.take()
            if not self.streaming or not self.host_present():
                continue
            view = writer.pack(
                packets.LIVE, self._live_sent, messages.pack_message(messages.SUBPAGE, 0), head, payload
            )
            self._live_sent += 1
            await self._link.write(view)

    async def reply(self, kind, request, *parts):
        """Send one message of this session."""
        view = self._replies.pack(packets.REPLY, self._sent, messages.pack_message(kind, request), *parts)
        self._sent += 1
        await self._link.write(view)

    async def _on_packet(self, packet):
        if packet.type == packets.HELLO:
            await self._on_hello(packet.payload)
        elif packet.type == packets.REFUSE:
            pass  # a refusal answered by a refusal would go on for ever on a line that echoes
        elif packet.type != packets.COMMAND:
            await self._refuse(messages.REFUSE_TYPE)
        elif not self._is_open:
            await self._refuse(messages.REFUSE_NO_SESSION)
        else:
            lost = packet.counter - self._received - 1
            if lost < 0:
                return  # a packet of the past
            self._counters.packets_lost += lost
            self._received = packet.counter
            self._heard_ms = ticks_ms()
            await self._on_command(packet.payload)

    async def _on_hello(self, payload):
        try:
            # A newer version may append to its hello; these fields stay.
            hello = messages.HELLO_FIELDS.unpack_mixed(payload, exact=False)
            version = messages.choose_version(hello["min_version"], hello["max_version"])
        except VersionError:
            await self._refuse(messages.REFUSE_VERSION)
            return
        except (TruncatedError, OutOfRangeError):
            await self._refuse(messages.REFUSE_MALFORMED)
            return
        if not hello["suites"] & messages.SUITE_PLAIN:
            await self._refuse(messages.REFUSE_SUITE)
            return
        welcome = messages.WELCOME_FIELDS.pack(
            version=version,
            suite=messages.SUITE_PLAIN,
            reserved=0,
            nonce=os.urandom(16),
            proof=hello["nonce"],
        )
        self._is_open = True
        self._received = -1
        self._sent = self._live_sent = 0
        self.streaming = False
        self._heard_ms = ticks_ms()
        await self._link.write(self._replies.pack(packets.WELCOME, None, welcome))

    async def _refuse(self, code):
        self._counters.refused += 1
        fields = messages.REFUSE_FIELDS.pack(
            code=code, min_version=messages.VERSION, max_version=messages.VERSION
        )
        await self._link.write(self._replies.pack(packets.REFUSE, None, fields))

    async def _on_command(self, payload):
        try:
            kind, request, body = messages.unpack_message(payload)
        except TruncatedError:
            await self._refuse(messages.REFUSE_MALFORMED)
            return
        try:
            layout = messages.COMMAND_FIELDS.get(kind)
            if layout is None:
                raise Refusal(messages.UNKNOWN_KIND)
            fields = layout.unpack(body)
            handler = self._handlers.get(kind)
            if handler is None:
                raise Refusal(messages.WRONG_ROLE)
            await handler(self, request, fields)
        except Refusal as refusal:
            await self._refused(request, refusal.args[0], kind)
        except TruncatedError:
            await self._refused(request, messages.MALFORMED, kind)
        except OutOfRangeError:
            await self._refused(request, messages.OUT_OF_RANGE, kind)

    async def _refused(self, request, code, kind):
        self._counters.refused += 1
        fields = messages.REFUSED_FIELDS.pack(
            code=code, kind=kind, min_version=messages.VERSION, max_version=messages.VERSION
        )
        await self.reply(messages.REFUSED, request, fields)


class AnyHost:
    """Sessions over several links as one, for those who ask whether any host is served."""

    streaming = True  # what host_present() says includes it

    def __init__(self, sessions):
        self._sessions = sessions

    def host_present(self):
        """Whether a host streams and is present in one of them."""
        return any(session.streaming and session.host_present() for session in self._sessions)


class LiveSlot:
    """Room for one live message: a newer one takes the place of one that was not fetched."""

    def __init__(self, counters):
        self._counters = counters
        self._filled = asyncio.Event()
        self._message = None
        self._next = None

    def branch(self):
        """Another slot that is offered the same: a slow link must not hold up a fast one."""
        slot = LiveSlot(self._counters)
        slot._next, self._next = self._next, slot
        return slot

    def offer(self, head, payload):
        """head: bytes; payload: a buffer that stays as it is until the next offer."""
        if self._filled.is_set():
            self._counters.live_dropped += 1
        self._message = (head, payload)
        self._filled.set()
        if self._next is not None:
            self._next.offer(head, payload)

    def withdraw(self):
        """What was offered and not fetched is no longer true: its buffer has been written to."""
        if self._filled.is_set():
            self._filled.clear()
            self._counters.live_dropped += 1
        if self._next is not None:
            self._next.withdraw()

    async def take(self):
        """(head, payload) of the newest message, as soon as there is one."""
        while not self._filled.is_set():
            await self._filled.wait()
        self._filled.clear()
        return self._message
