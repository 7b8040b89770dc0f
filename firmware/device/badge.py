"""The role of a badge: satellite sentences in, fixes into the log, blocks out to the host."""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from device.errors import FlashError
from device.session import Refusal
from doumen_wire import messages
from doumen_wire.records import FIX

_CHUNK = const(256)
_QUIET_MS = const(400)  # an epoch's sentences come in one burst


class Badge:
    """uart: the receiver's port; receiver: what understands it; log: where fixes go."""

    def __init__(self, uart, receiver, log, settings):
        self._uart = uart
        self._reader = asyncio.StreamReader(uart)
        self._receiver = receiver
        self._log = log
        self._settings = settings
        self._closed_ms = ticks_ms()
        self.handlers = {messages.READ: self._on_read, messages.ACK: self._on_ack}

    async def listen(self, alive):
        """Set the receiver up, then log its fixes for ever; alive() is called at each turn of a healthy loop."""
        for sentence in self._receiver.commands(self._settings["interval_ms"], self._settings["systems"]):
            self._uart.write(sentence)
        while True:
            try:
                data = await asyncio.wait_for_ms(self._reader.read(_CHUNK), _QUIET_MS)
                fixes = self._receiver.feed(data) if data else ()
            except asyncio.TimeoutError:
                fixes = self._receiver.flush()
            for fix in fixes:
                self._safely(self._keep, fix)
            self._safely(self._close_aged)
            alive()

    def _safely(self, write, *arguments):
        try:
            write(*arguments)
        except FlashError as error:
            print("log:", error)  # counted where it happened; the fixes stay in memory for the next try

    def _keep(self, fix):
        self._log.append(
            FIX.pack(
                time_ms=fix.time_ms,
                lat_e7=fix.lat_e7,
                lon_e7=fix.lon_e7,
                hdop_c=fix.hdop_c,
                satellites=fix.satellites,
                quality=fix.quality,
            )
        )

    def _close_aged(self):
        """A power cut costs what is in the open block: its age is bounded."""
        now = ticks_ms()
        if not self._log.open_records:
            self._closed_ms = now
        elif ticks_diff(now, self._closed_ms) >= self._settings["block_age_ms"]:
            self._closed_ms = now
            self._log.close_block()

    async def _on_read(self, session, request, fields):
        log = self._log
        if fields["epoch"] != log.epoch:
            raise Refusal(messages.OTHER_EPOCH)
        try:
            log.close_block()  # a sync takes everything along
        except FlashError:
            pass  # counted there; what is on the flash can still be read
        # A log that has lost its end: to go on would skip what comes next.
        if fields["cursor"] > log.next_seq:
            raise Refusal(messages.OUT_OF_RANGE)
        index = 0
        following = fields["cursor"]
        for seq, block in log.blocks(fields["cursor"], fields["credits"]):
            await session.reply(messages.BLOCK, request, messages.BLOCK_FIELDS.pack(index=index), block)
            await asyncio.sleep_ms(0)  # the receiver goes on talking, and its port holds but a second of it
            index += 1
            following = seq + 1
        if index < fields["credits"]:
            following = max(following, log.next_seq)
        end = messages.END_FIELDS.pack(count=index, next_cursor=following, log_next=log.next_seq)
        await session.reply(messages.END, request, end)

    async def _on_ack(self, session, request, fields):
        if fields["epoch"] != self._log.epoch:
            raise Refusal(messages.OTHER_EPOCH)
        try:
            self._log.ack(fields["cursor"])
        except FlashError as error:
            raise Refusal(messages.FLASH_FAILED) from error
        await session.reply(messages.DONE, request)
