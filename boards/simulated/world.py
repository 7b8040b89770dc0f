"""The simulated board's wire to the world: chips, flash and the clock are on the other side of a local socket.

Two ways of time. Paced: the world's clock is the machine's, times a speed. Free: the world moves its clock only
while the board waits, from event to event, so that a day passes as fast as the firmware can live it. With each
move comes a horizon before which nothing will happen; up to there the board moves the clock by itself.
"""

import json
import os
import socket
import struct

import ops
import uselect
import utime

# The C part of asyncio reads the machine's own clock when it queues a task for now. Keeping ours always ahead
# of that one makes "now" a moment that has come.
_BASE_MS = 1 << 41


class World:
    """The one connection."""

    def __init__(self):
        host, port = os.getenv("DOUMEN_WORLD").rsplit(":", 1)
        self.socket = socket.socket()
        self.socket.setsockopt(6, 1, 1)  # TCP_NODELAY: a request waits for its reply
        self.socket.connect(socket.getaddrinfo(host, int(port))[0][-1])
        self._head = bytearray(3)
        self._reply = bytearray(9)
        self._only_world = uselect.poll()
        self._only_world.register(self.socket, uselect.POLLIN)
        self._waiting_until = None
        self.uart_sink = None
        self.radio_sink = None
        self._now_us = 0
        self._horizon_us = 0
        self._moved = False
        self._ticks_us = utime.ticks_us()
        self.speed = 0
        self.facts = json.loads(self.call(ops.HELLO, b""))
        self.speed = self.facts["speed"]

    def now_us(self):
        """The world's clock, in us since it began."""
        if self.speed:
            return self._now_us + int((utime.ticks_us() - self._ticks_us) * self.speed)
        return self._now_us

    def call(self, op, payload):
        """Ask and wait for the reply's bytes. Raises OSError(EIO) if the world refuses, as a bus does on NACK."""
        return self._exactly(self._ask(op, payload))

    def call_into(self, op, payload, buffer):
        """As call, into a buffer that the reply must fit: as on a chip, reading costs no heap. Returns its size."""
        size = self._ask(op, payload)
        self._fill(memoryview(buffer)[:size])
        return size

    def _ask(self, op, payload):
        """Ask; the size of what follows in the reply."""
        self.tell(op, payload)
        while True:
            size, op = self._next()
            if op == ops.REPLY:
                self._fill(self._reply)
                status, now_us = struct.unpack("<BQ", self._reply)
                if not self.speed:
                    self._now_us = max(self._now_us, now_us)
                if status:
                    raise OSError(status)
                return size - len(self._reply)
            self._take(op, self._exactly(size))

    def tell(self, op, payload):
        """Say something that needs no reply."""
        message = struct.pack("<HB", len(payload), op) + payload
        if self._moved:
            self._moved = False
            message = struct.pack("<HBQ", 8, ops.MOVED, self._now_us) + message
        self._send(message)

    def expect_news(self):
        """What was just told makes something happen: the horizon holds no longer."""
        self._horizon_us = 0

    def idle(self, poller, until_us):
        """Wait until until_us (None: for ever), or until the poller's real files or the world have something."""
        if self.speed:
            left_us = 0 if until_us is None else until_us - self.now_us()
            timeout_ms = -1 if until_us is None else max(0, int(left_us / self.speed + 999) // 1000)
        else:
            timeout_ms = -1
            until = (1 << 60) if until_us is None else until_us
            if until < self._horizon_us and not poller.poll(0):
                self._now_us = max(self._now_us, until)
                self._moved = True
                return
            if self._waiting_until != until:
                self._waiting_until = until
                self.tell(ops.WAIT, struct.pack("<Q", until))
        poller.poll(timeout_ms)
        while self._only_world.poll(0):
            size, op = self._next()
            self._take(op, self._exactly(size))

    def sleep_us(self, duration_us):
        """Block like time.sleep_us."""
        until = self.now_us() + duration_us
        while self.now_us() < until:
            self.idle(self._only_world, until)

    def _next(self):
        """(size, op) of the next thing that the world says."""
        self._fill(self._head)
        return struct.unpack("<HB", self._head)

    def _take(self, op, data):
        if op == ops.NOW:
            self._waiting_until = None
            now_us, self._horizon_us = struct.unpack("<QQ", data)
            self._now_us = max(self._now_us, now_us)
            self._ticks_us = utime.ticks_us()
        elif op == ops.UART_DATA and self.uart_sink is not None:
            self.uart_sink(data)
        elif op >= ops.BLE_EVENT and self.radio_sink is not None:
            self.radio_sink(op, data)

    def _exactly(self, size):
        data = bytearray(size)
        self._fill(data)
        return data

    def _fill(self, buffer):
        view = memoryview(buffer)
        while view:
            count = self.socket.readinto(view)
            if not count:
                raise SystemExit  # the world is gone
            view = view[count:]

    def _send(self, data):
        while data:
            data = data[self.socket.send(data) :]


world = World()


def ticks_ms():
    """Milliseconds of the world's clock, as `time.ticks_ms`."""
    return _BASE_MS + world.now_us() // 1000
