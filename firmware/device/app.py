"""Creates the parts and tasks of a device. Only main imports this; only this knows every part."""

import asyncio
import gc
import sys
from time import ticks_diff, ticks_ms

import machine

from doumen_wire import messages, packets, records

gc.collect()

from device import config
from device.counters import Counters
from device.errors import ConfigError, LinkError
from device.flash_log import FlashLog, replace
from device.serial_link import SerialLink
from device.session import AnyHost, Session

VERSION = (0, 1, 0)
_FEED_MS = 500
_STALLED_MS = 5000
_LONGEST_OF_BADGE = records.BLOCK_BYTES + 8
_CAUSES = (
    ("PWRON_RESET", records.CAUSE_POWER),
    ("HARD_RESET", records.CAUSE_RESET),
    ("WDT_RESET", records.CAUSE_WATCHDOG),
    ("DEEPSLEEP_RESET", records.CAUSE_SLEEP),
    ("SOFT_RESET", records.CAUSE_SOFT),
)


def run(board):
    """Be the device that its settings name, until the power goes."""
    try:
        settings = config.load(board.STORAGE + "/config.json", board.SETTINGS)
    except ConfigError as error:
        print("doumen: config.json:", error)
        return
    print(
        "doumen {} {}.{}.{} UNSEALED: records and commands are neither encrypted nor authenticated".format(
            settings["role"], *VERSION
        )
    )
    device = None
    try:
        device = _Device(board, settings)
        asyncio.run(device.main())
    except Exception as error:  # noqa: BLE001  # whatever it is: a device that stands still is worse than a restart
        sys.print_exception(error)
        if device is not None:
            device.rescue()
        machine.reset()


class _Device:
    def __init__(self, board, settings):
        self._counters = Counters()
        self._uptime_ms = 0
        self._last_ms = ticks_ms()
        self._clock_ms = 0  # of the host, at uptime 0
        self._alive_ms = ticks_ms()
        self._log = None
        self._boots = _count_boot(board.STORAGE + "/boots")
        self._settings = settings
        self._board = board
        # Before the role: while the heap is whole, compiling the one and the other one's buffers find room.
        links = _open_links(board, settings["ble"])
        handlers = {
            messages.IDENTIFY: self._on_identify,
            messages.GET_STATUS: self._on_get_status,
            messages.TIME: self._on_time,
        }
        self._role = self._make_gate() if settings["role"] == "gate" else self._make_badge()
        handlers.update(self._role.handlers)
        live = getattr(self._role, "live", None)
        # A badge's longest word is a block, a gate's the EEPROM.
        longest = _LONGEST_OF_BADGE if live is None else packets.MAX_PACKET - 5
        self._sessions = [Session(links[0], handlers, self._counters, live, longest)]
        for link in links[1:]:
            branch = live.branch() if live else None
            self._sessions.append(Session(link, handlers, self._counters, branch, longest))
        self._hosts = AnyHost(self._sessions)
        # Last: reading a full log takes seconds, and a watchdog that bites meanwhile would bite at each start.
        self._watchdog = machine.WDT(timeout=settings["watchdog_ms"])

    def rescue(self):
        """Before a restart that nobody planned: what waits in memory goes to the flash, if that can be done."""
        gc.collect()
        try:
            if self._log is not None:
                self._log.close_block()
        except Exception as error:  # noqa: BLE001  # the restart comes in any case
            sys.print_exception(error)

    def _make_gate(self):
        gc.collect()
        from device.gate import Gate
        from device.indicator import Indicator
        from device.mlx90640 import MLX90640

        sensor = MLX90640(self._board.open_sensor_bus(), self._counters)
        lights = Indicator(fail_open=self._settings["relay_fail"] == "open", **self._board.open_indicator())
        self._code = records.GATE
        return Gate(sensor, lights, self._counters, self._settings["refresh_hz"])

    def _make_badge(self):
        gc.collect()
        from device.badge import Badge
        from device.gnss import Receiver

        path = self._board.STORAGE + "/log"
        self._log = FlashLog(path, self._boots, self._counters, self._settings["log_files"])
        uart = self._board.open_receiver(self._settings["receiver_baud"])
        self._code = records.BADGE
        return Badge(uart, Receiver(self._counters), self._log, self._settings)

    async def main(self):
        gc.collect()
        # Collecting early keeps short-lived things low in the heap, where the holes of the start are.
        gc.threshold(gc.mem_free() // 4 + gc.mem_alloc())
        tasks = [self._feed()]
        tasks += [session.receive() for session in self._sessions]
        if self._code == records.GATE:
            tasks += [self._role.sense(self._alive), self._role.indicate(self._hosts)]
            tasks += [session.stream() for session in self._sessions]
        else:
            tasks.append(self._role.listen(self._alive))
        await asyncio.gather(*tasks)

    def _alive(self):
        self._alive_ms = ticks_ms()

    async def _feed(self):
        """Feed the watchdog while the role's loop turns; keep the uptime, which outlives ticks_ms."""
        while True:
            now = ticks_ms()
            self._uptime_ms += ticks_diff(now, self._last_ms)
            self._last_ms = now
            if ticks_diff(now, self._alive_ms) < _STALLED_MS:
                self._watchdog.feed()
            await asyncio.sleep_ms(_FEED_MS)

    def _uptime(self):
        return self._uptime_ms + ticks_diff(ticks_ms(), self._last_ms)

    async def _on_identify(self, session, request, _fields):
        major, minor, patch = VERSION
        identity = records.IDENTITY.pack(
            role=self._code,
            device_id=int.from_bytes(machine.unique_id()[:8], "big"),
            major=major,
            minor=minor,
            patch=patch,
            sealed=0,
            epoch=self._log.epoch if self._log else 0,
            boots=self._boots,
        )
        await session.reply(messages.IDENTITY_IS, request, identity)

    async def _on_get_status(self, session, request, _fields):
        gc.collect()
        counters = self._counters
        log = self._log
        serving = self._role.in_service(self._hosts) if self._code == records.GATE else True
        values = {name: getattr(counters, name) & 0xFFFFFFFF for name in Counters.__slots__}
        status = records.STATUS.pack(
            role=self._code,
            service=records.IN_SERVICE if serving else records.OUT_OF_SERVICE,
            cause=_restart_cause(),
            boots=self._boots,
            uptime_ms=self._uptime(),
            clock_ms=self._clock_ms + self._uptime() if self._clock_ms else 0,
            heap_free=gc.mem_free(),
            log_epoch=log.epoch if log else 0,
            log_oldest=log.oldest if log else 0,
            log_next=log.next_seq if log else 0,
            log_records=log.records if log else 0,
            log_dropped=log.dropped if log else 0,
            **values,
        )
        await session.reply(messages.STATUS_IS, request, status)

    async def _on_time(self, session, request, fields):
        self._clock_ms = fields["host_ms"] - self._uptime()
        reply = messages.TIME_IS_FIELDS.pack(ticks_ms=ticks_ms() & 0x3FFFFFFF, boots=self._boots)
        await session.reply(messages.TIME_IS, request, reply)


def _open_links(board, ble):
    """The cable first; then, where it is wanted and possible, Bluetooth."""
    links = [SerialLink(board.open_host_port())]
    if ble:
        gc.collect()
        from device.ble_link import BleLink

        versions = (messages.VERSION, messages.VERSION)  # the lowest and the highest of the wire
        try:
            links.append(BleLink(bytes(versions + VERSION)))
        except (LinkError, OSError) as error:
            print("ble:", error)  # the cable still serves
    return links


def _restart_cause():
    code = machine.reset_cause()
    for name, cause in _CAUSES:
        if getattr(machine, name, None) == code:
            return cause
    return 0


def _count_boot(path):
    """How often this device has started, this time included."""
    try:
        with open(path) as file:
            boots = int(file.read()) + 1
    except (OSError, ValueError):
        boots = 1
    try:
        replace(path, str(boots).encode())
    except OSError as error:
        print("boots not counted:", error)  # a device whose flash is full must still start and say so
    return boots & 0xFFFFFFFF
