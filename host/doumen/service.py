"""Keeps company with devices for as long as it runs: gates are watched and answered, badges are relieved of fixes.

Each device has one task that connects, works, and connects again when the link is lost. What happens is told to
one listener; what must last goes to the store before a device is told.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from doumen.client import Client, Identity
from doumen.config import Settings
from doumen.errors import CalibrationError, DeviceRefused, DoumenError, LinkEnded, LinkError, StoreError
from doumen.model import Passage, Reason
from doumen.pipeline import GatePipeline, earlier_readings
from doumen.screening.events import Event, PassageEnded, VerdictReached
from doumen.sources import I2cSensor, open_device
from doumen.store import Ingested, Store
from doumen.thermal.forensics import diagnose

_STATUS_S = 1.0
_SILENT_S = 1.0
_SENSOR_RETRY_S = 2.0
_BACK_OFF_S = (0.2, 5.0)
_TICKS_PERIOD = 1 << 30
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class DeviceState:
    """What is known of one device while the service runs; counts are totals over all its connections."""

    url: str
    identity: Identity | None = None
    is_connected: bool = False
    trouble: str = ""
    connections: int = 0
    status: dict[str, int] = field(default_factory=dict[str, int])
    subpages: int = 0
    subpages_lost: int = 0
    passages: deque[Passage] = field(default_factory=lambda: deque[Passage](maxlen=_MOST_REMEMBERED))
    unstored: deque[Passage] = field(default_factory=lambda: deque[Passage](maxlen=_MOST_REMEMBERED))
    stored: int = 0
    duplicated: int = 0
    pipeline: GatePipeline | None = None
    eeproms: int = 0
    eeprom: NDArray[np.uint16] | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A device answered."""

    device: DeviceState


@dataclass(frozen=True, slots=True)
class Lost:
    """A device is gone; it is looked for again."""

    device: DeviceState
    why: str


@dataclass(frozen=True, slots=True)
class Troubled:
    """A device answers but cannot do its work; it is tried again."""

    device: DeviceState
    why: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something about a device that a person should know, and that stops nothing."""

    device: DeviceState
    what: str


@dataclass(frozen=True, slots=True)
class Saw:
    """A gate's screening has news."""

    device: DeviceState
    event: Event


@dataclass(frozen=True, slots=True)
class Took:
    """A badge handed over fixes, which are stored."""

    device: DeviceState
    ingested: Ingested


@dataclass(frozen=True, slots=True)
class Taking:
    """A badge is handing over: the next block, and the end of its log."""

    device: DeviceState
    cursor: int
    end: int


News = Connected | Lost | Troubled | Noticed | Saw | Taking | Took


def system_clock_ms() -> int:
    """ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Service:
    """settings, store: where things go. tell: called with all news. baseline: readings to begin with, °C."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        tell: Callable[[News], None],
        *,
        baseline: Sequence[float] = (),
        sync_every_s: float = 10.0,
        blocks_at_once: int = 16,
        clock_ms: Callable[[], int] = system_clock_ms,
    ) -> None:
        self._settings = settings
        self._store = store
        self._tell = tell
        self._baseline = tuple(baseline)
        self._sync_every_s = sync_every_s
        self._blocks_at_once = blocks_at_once
        self._clock_ms = clock_ms
        self.devices: dict[str, DeviceState] = {}

    async def run(self, urls: Sequence[str]) -> None:
        """Attend to these devices until cancelled; recordings that are replayed end by themselves."""
        self.devices |= {url: DeviceState(url) for url in urls}
        async with asyncio.TaskGroup() as tasks:
            for url in urls:
                tasks.create_task(self._attend(self.devices[url]))

    async def _attend(self, device: DeviceState) -> None:
        pause_s = _BACK_OFF_S[0]
        while True:
            greeted_s = math.inf
            try:
                async with await open_device(device.url) as client:
                    await self._greet(device, client)
                    greeted_s = time.monotonic()
                    if isinstance(client, Client) and client.identity.role == "badge":
                        await self._relieve_badge(device, client)
                    else:
                        await self._watch_gate(device, client)
            except LinkEnded as ended:
                await self._lose(device, ended)
                return
            except (LinkError, DeviceRefused, CalibrationError, StoreError) as error:
                # A database that is locked or full: told, and tried again; no device forgets what is not stored.
                await self._lose(device, error)
            # One that answers well and fails at once, again and again, is not asked five times a second.
            if time.monotonic() - greeted_s > _BACK_OFF_S[1]:
                pause_s = _BACK_OFF_S[0]
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _BACK_OFF_S[1])

    async def _greet(self, device: DeviceState, client: Client | I2cSensor) -> None:
        now_ms = self._clock_ms()
        identity = device.identity = client.identity
        device.connections += 1
        await client.set_time(now_ms)
        await asyncio.to_thread(
            self._store.devices.seen, identity.device_id, now_ms, identity.role, identity.firmware
        )
        device.status = await client.status()
        device.is_connected = True
        device.trouble = ""
        self._tell(Connected(device))

    async def _lose(self, device: DeviceState, error: DoumenError) -> None:
        if device.pipeline is not None:
            for event in device.pipeline.finish():
                await self._on_event(device, event)
        if device.is_connected or device.trouble != str(error):
            device.trouble = str(error)
            device.is_connected = False
            self._tell(Lost(device, device.trouble))

    async def _relieve_badge(self, device: DeviceState, client: Client) -> None:
        while True:
            before = Ingested(device.stored, device.duplicated)

            def count(cursor: int, end: int, total: Ingested, before: Ingested = before) -> None:
                device.stored = before.stored + total.stored
                device.duplicated = before.duplicated + total.duplicated
                self._tell(Taking(device, cursor, end))

            got = await client.sync(self._store, count, blocks_at_once=self._blocks_at_once)
            device.status = await client.status()
            if got.stored or got.duplicated:
                self._tell(Took(device, got))
            await asyncio.sleep(self._sync_every_s)

    async def _watch_gate(self, device: DeviceState, client: Client | I2cSensor) -> None:
        def notice(what: str) -> None:
            self._tell(Noticed(device, what))

        gate = _Gate(device, client, self._settings, self._store, self._clock_ms, self._baseline, notice)
        try:
            while not await self._prepared(device, gate):
                await asyncio.sleep(_SENSOR_RETRY_S)
            await client.stream(True)
            while True:
                for event in await gate.turn():
                    await self._on_event(device, event, client)
        finally:
            gate.leave()

    async def _store_passages(self, device: DeviceState, device_id: str) -> None:
        """What a locked or full database does not take now waits for the next passage; screening goes on."""
        while device.unstored:
            try:
                await asyncio.to_thread(self._store.passages.add, device_id, device.unstored[0])
            except StoreError as error:
                why = f"{error} ({len(device.unstored)} passages wait)"
                self._tell(Troubled(device, why))
                return
            device.unstored.popleft()

    async def _prepared(self, device: DeviceState, gate: "_Gate") -> bool:
        """Whether the gate's sensor can be calibrated; the trouble is told once."""
        try:
            await gate.prepare()
        except (CalibrationError, DeviceRefused) as error:
            if device.trouble != str(error):
                device.trouble = str(error)
                self._tell(Troubled(device, device.trouble))
            return False
        device.trouble = ""
        return True

    async def _on_event(
        self, device: DeviceState, event: Event, client: Client | I2cSensor | None = None
    ) -> None:
        if isinstance(event, VerdictReached) and client is not None:
            # The person stands there: lights first.
            await client.show(event.verdict, event.number, self._settings.gate.hold_ms)
        elif isinstance(event, PassageEnded) and device.identity is not None:
            device.passages.append(event.passage)
            device.unstored.append(event.passage)
            await self._store_passages(device, device.identity.device_id)
        self._tell(Saw(device, event))


class _Gate:
    """One connection to a gate: its sensor's EEPROM, its clock in ours, its subpages through the pipeline."""

    def __init__(
        self,
        device: DeviceState,
        client: Client | I2cSensor,
        settings: Settings,
        store: Store,
        clock_ms: Callable[[], int],
        baseline: tuple[float, ...],
        notice: Callable[[str], None],
    ) -> None:
        self._device = device
        self._notice = notice
        self._client = client
        self._settings = settings
        self._store = store
        self._clock_ms = clock_ms
        self._baseline = baseline
        self._asked_s = 0.0
        self._last_ticks: int | None = None
        self._t_ms = 0
        self._counted = (device.subpages, device.subpages_lost)

    async def prepare(self) -> None:
        """Fetch the EEPROM; another one than before means another sensor and a new pipeline."""
        device = self._device
        eeprom = await self._client.eeprom()
        if (
            device.pipeline is not None
            and device.eeprom is not None
            and np.array_equal(eeprom, device.eeprom)
        ):
            return
        await self._recognise(eeprom)
        earlier = await asyncio.to_thread(self._earlier)
        device.pipeline = GatePipeline(eeprom, self._settings, earlier)
        device.eeprom = eeprom
        device.eeproms += 1

    async def _recognise(self, eeprom: NDArray[np.uint16]) -> None:
        """Compare the sensor with the one stored for this gate; another one is told and stored in its place.

        Raises CalibrationError if the EEPROM is damaged, or not what it was for this very sensor.
        """
        devices, device_id = self._store.devices, self._client.identity.device_id
        stored = await asyncio.to_thread(devices.get, device_id)
        known = None if stored is None else stored.sensor
        diagnosis = diagnose(eeprom, known=known)
        if diagnosis.first_fatal is not None:
            raise CalibrationError(str(diagnosis.first_fatal))
        for finding in diagnosis.findings:
            self._notice(str(finding))
        if diagnosis.fingerprint != known:
            await asyncio.to_thread(devices.has_sensor, device_id, diagnosis.fingerprint)

    async def turn(self) -> list[Event]:
        """Wait for a subpage and see what it brings; ask for the status from time to time."""
        await self._heartbeat()
        try:
            subpage = await self._client.subpage(_SILENT_S)
        except TimeoutError:
            # The device may have begun a session anew, or its sensor may be gone: ask it to stream again.
            await self._client.stream(True)
            return []
        self._count()
        ticks = subpage.ticks_ms
        if self._last_ticks is None:
            self._t_ms = self._clock_ms()
        else:
            self._t_ms += (ticks - self._last_ticks) % _TICKS_PERIOD
        self._last_ticks = ticks
        pipeline = self._device.pipeline
        return [] if pipeline is None else pipeline.feed(self._t_ms, subpage.words, self._faults())

    def leave(self) -> None:
        """Bring the totals up to date."""
        self._count()

    async def _heartbeat(self) -> None:
        now_s = time.monotonic()
        if now_s - self._asked_s < _STATUS_S:
            return
        self._asked_s = now_s
        before = self._device.status
        status = self._device.status = await self._client.status()
        if status["sensor_errors"] != before.get("sensor_errors", 0):
            # Whatever answers again may be another sensor.
            with suppress(DeviceRefused):
                await self.prepare()

    def _faults(self) -> tuple[Reason, ...]:
        warm = self._device.status["uptime_ms"] >= self._settings.gate.warm_up_s * 1000
        return () if warm else (Reason.WARMING_UP,)

    def _earlier(self) -> list[float]:
        identity = self._client.identity
        window = self._settings.screening.baseline_window
        stored = self._store.passages.recent(identity.device_id, 4 * window)
        return [*self._baseline, *earlier_readings([row.passage for row in reversed(stored)])]

    def _count(self) -> None:
        counts = self._client.counts
        self._device.subpages = self._counted[0] + counts.subpages
        self._device.subpages_lost = self._counted[1] + counts.lost + counts.overtaken
