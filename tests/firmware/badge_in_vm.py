"""The badge's role on a log of its own, its UART a stream that the test fills. Runs in the VM only."""

import asyncio
import io

from fakes import Counters, Place

from device import flash_log, nmea
from device.badge import Badge
from device.flash_log import FlashLog
from device.gnss import Receiver
from device.session import Refusal
from doumen_wire import messages
from doumen_wire.records import FIXES_A_BLOCK, unpack_block

POLL_IN, POLL_OUT = 1, 4
SETTINGS = {"interval_ms": 1000, "systems": "gps+bds", "block_age_ms": 60000}


class Stop(Exception):
    """The test has seen enough turns."""


class Uart(io.IOBase):
    """Gives what it was filled with, and keeps what is written to it."""

    def __init__(self):
        self.filled = b""
        self.written = b""

    def read(self, size=-1):
        data, self.filled = self.filled[:size], self.filled[size:]
        return data

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        self.written += data
        return len(data)

    def ioctl(self, request, argument):
        if request == 3:
            return argument & (POLL_OUT | (POLL_IN if self.filled else 0))
        return -1


class Host:
    """A session as the badge sees it."""

    def __init__(self):
        self.replies = []

    async def reply(self, kind, request, *parts):
        self.replies.append((kind, request, b"".join(bytes(part) for part in parts)))


class Scene:
    def __init__(self, block_age_ms=60000):
        self.place = Place()
        self.counters = Counters()
        self.log = FlashLog(self.place.folder + "/log", 1, self.counters)
        self.uart = Uart()
        settings = dict(SETTINGS)
        settings["block_age_ms"] = block_age_ms
        self.badge = Badge(self.uart, Receiver(self.counters), self.log, settings)
        self.second = 0

    def epochs(self, count):
        """So many seconds of RMC and GGA."""
        for _ in range(count):
            time = b"08%02d%02d" % (self.second // 60, self.second % 60)
            self.second += 1
            for body in (
                b"GNRMC," + time + b",A,3751.6500,N,14507.3600,E,0.1,2.3,130923,,,A",
                b"GNGGA," + time + b",3751.6500,N,14507.3600,E,1,08,0.95,12.3,M,0.0,M,,",
            ):
                self.uart.filled += b"$" + body + b"*" + nmea.checksum(body) + b"\r\n"

    def listen(self):
        """Let the badge listen until the UART is empty."""

        def alive():
            if not self.uart.filled:
                raise Stop

        try:
            asyncio.run(self.badge.listen(alive))
        except Stop:
            return

    def ask(self, kind, **fields):
        """The replies to one command, or the code of its refusal."""
        host = Host()
        try:
            asyncio.run(self.badge.handlers[kind](host, 7, fields))
        except Refusal as refusal:
            return refusal.args[0]
        assert all(request == 7 for _, request, _ in host.replies)
        return [(kind, body) for kind, _, body in host.replies]

    def read(self, cursor, credits=16):
        """(indexes, numbers, fixes, end) of one read."""
        *blocks, last = self.ask(messages.READ, epoch=self.log.epoch, cursor=cursor, credits=credits)
        assert last[0] == messages.END
        indexes, numbers, fixes = [], [], 0
        for kind, body in blocks:
            assert kind == messages.BLOCK
            indexes.append(messages.BLOCK_FIELDS.unpack(body, exact=False)["index"])
            seq, _, found = unpack_block(body[messages.BLOCK_FIELDS.size :], self.log.epoch)
            numbers.append(seq)
            fixes += len(found)
        return indexes, numbers, fixes, messages.END_FIELDS.unpack(last[1])


def test_the_receiver_is_told_what_to_send():
    scene = Scene()
    scene.listen()
    assert scene.uart.written.startswith(
        b"$PCAS06,0*1B\r\n$PCAS04,3*1A\r\n$PCAS02,1000*2E\r\n$PCAS03,1,0,0,0,1,"
    )
    scene.place.leave()


def test_what_the_receiver_says_is_logged():
    scene = Scene()
    scene.epochs(FIXES_A_BLOCK + 3)
    scene.listen()
    assert scene.log.next_seq == 1
    assert scene.log.open_records == 3
    assert scene.counters.fixes == FIXES_A_BLOCK + 3
    scene.place.leave()


def test_a_block_is_closed_when_it_is_old():
    scene = Scene(block_age_ms=0)
    scene.epochs(3)
    scene.listen()
    assert scene.log.open_records == 0
    assert scene.log.records == 3
    scene.place.leave()


def test_a_failing_flash_costs_no_fix_of_the_same_bytes():
    scene = Scene()
    scene.epochs(FIXES_A_BLOCK + 6)

    def failing(path, mode="r"):
        raise OSError(5)

    flash_log.open = failing
    try:
        scene.listen()
    finally:
        del flash_log.open
    assert scene.log.open_records == FIXES_A_BLOCK + 6
    assert scene.counters.flash_errors > 0
    scene.epochs(1)
    scene.listen()
    assert scene.log.records == FIXES_A_BLOCK + 7
    scene.place.leave()


def test_a_sync_takes_everything_along_and_forgets_what_is_acknowledged():
    scene = Scene()
    scene.epochs(3 * FIXES_A_BLOCK + 5)
    scene.listen()
    indexes, numbers, fixes, end = scene.read(0)
    assert (indexes, numbers, fixes) == ([0, 1, 2, 3], [0, 1, 2, 3], 3 * FIXES_A_BLOCK + 5)
    assert end == {"count": 4, "next_cursor": 4, "log_next": 4}
    assert scene.ask(messages.ACK, epoch=scene.log.epoch, cursor=4) == [(messages.DONE, b"")]
    assert scene.read(4) == ([], [], 0, {"count": 0, "next_cursor": 4, "log_next": 4})
    assert scene.log.oldest == 4
    scene.place.leave()


def test_credits_bound_an_answer_and_the_next_goes_on_from_there():
    scene = Scene(block_age_ms=0)
    for _ in range(5):
        scene.epochs(1)
        scene.listen()
    assert scene.read(0, 2) == ([0, 1], [0, 1], 2, {"count": 2, "next_cursor": 2, "log_next": 5})
    assert scene.read(2, 3) == ([0, 1, 2], [2, 3, 4], 3, {"count": 3, "next_cursor": 5, "log_next": 5})
    scene.place.leave()


def test_reading_again_without_an_ack_gives_the_same():
    scene = Scene()
    scene.epochs(30)
    scene.listen()
    assert scene.read(0) == scene.read(0)
    scene.place.leave()


def test_another_epoch_and_a_cursor_beyond_the_log_are_refused():
    scene = Scene()
    scene.epochs(30)
    scene.listen()
    epoch = scene.log.epoch
    for kind, more in ((messages.READ, {"credits": 1}), (messages.ACK, {})):
        assert scene.ask(kind, epoch=epoch ^ 1, cursor=0, **more) == messages.OTHER_EPOCH
    assert scene.ask(messages.READ, epoch=epoch, cursor=99, credits=1) == messages.OUT_OF_RANGE
    scene.place.leave()


def test_an_ack_that_the_flash_refuses_is_refused():
    scene = Scene()
    scene.epochs(30)
    scene.listen()
    scene.read(0)

    def failing(path, mode="r"):
        raise OSError(5)

    flash_log.open = failing
    try:
        assert scene.ask(messages.ACK, epoch=scene.log.epoch, cursor=2) == messages.FLASH_FAILED
    finally:
        del flash_log.open
    assert scene.read(0)[1] == [0, 1]
    scene.place.leave()
