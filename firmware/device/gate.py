"""The role of a gate: look at the sensor, stream what it saw, show what the host decided."""

import asyncio
from time import ticks_ms

from micropython import const

from device import indicator, mlx90640
from device.errors import SensorError
from device.session import LiveSlot, Refusal
from doumen_wire import messages
from doumen_wire.records import SUBPAGE_HEAD

_TICKS_MASK = const(0x3FFFFFFF)
_RETRY_MS = const(500)
_INDICATOR_MS = const(20)


class Gate:
    """sensor: an MLX90640; lights: an Indicator."""

    def __init__(self, sensor, lights, counters, refresh_hz):
        self._sensor = sensor
        self._lights = lights
        self._counters = counters
        self._refresh_hz = refresh_hz
        self._sequence = 0
        self.eeprom = None
        self.live = LiveSlot(counters)
        self.handlers = {
            messages.GET_EEPROM: self._on_get_eeprom,
            messages.STREAM: self._on_stream,
            messages.VERDICT: self._on_verdict,
        }

    def in_service(self, session):
        """Whether a host is there and the sensor works: only then may anything look like a pass."""
        return self.eeprom is not None and session.streaming and session.host_present()

    async def sense(self, alive):
        """Read subpages for ever; alive() is called at each turn of a healthy loop."""
        while True:
            try:
                if self.eeprom is None:
                    eeprom = self._sensor.read_eeprom()
                    self._sensor.start(self._refresh_hz)
                    self.eeprom = eeprom
                pause = self._look()
            except SensorError as error:
                self.live.withdraw()
                self._counters.sensor_errors += 1
                self.eeprom = None  # whatever comes back may be another sensor
                print("sensor:", error)
                pause = _RETRY_MS
            alive()
            await asyncio.sleep_ms(pause)

    async def indicate(self, session):
        """Keep the lights moving and true, for ever."""
        while True:
            serving = self.in_service(session)
            if not serving:
                self._lights.show(indicator.OUT_OF_SERVICE)
            elif self._lights.state == indicator.OUT_OF_SERVICE:
                self._lights.show(indicator.READY)
            self._lights.tick()
            await asyncio.sleep_ms(_INDICATOR_MS)

    def _look(self):
        """One poll of the sensor. Returns how long to wait for the next."""
        sensor = self._sensor
        found = sensor.poll()
        if found == mlx90640.NOTHING:
            return max(sensor.period_ms // 20, 1)
        if found == mlx90640.FRESH:
            head = SUBPAGE_HEAD.pack(
                sequence=self._sequence,
                ticks_ms=ticks_ms() & _TICKS_MASK,
                control=sensor.control,
                status=sensor.status,
            )
            self._sequence += 1
            self.live.offer(head, sensor.buffer)
        else:
            self.live.withdraw()  # the buffer holds something else by now
            if found == mlx90640.TORN:
                return 0  # the next one is there already
        return sensor.pause_ms()

    async def _on_get_eeprom(self, session, request, _fields):
        if self.eeprom is None:
            raise Refusal(messages.SENSOR_SILENT)
        await session.reply(messages.EEPROM_IS, request, self.eeprom)

    async def _on_stream(self, session, request, fields):
        session.streaming = bool(fields["on"])
        await session.reply(messages.DONE, request)

    async def _on_verdict(self, session, request, fields):
        self._counters.verdicts += 1
        if self.in_service(session):
            self._lights.show(fields["verdict"], fields["hold_ms"])
        await session.reply(messages.DONE, request)
