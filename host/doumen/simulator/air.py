"""The virtual air: bumble's controllers on one link, in a thread with an event loop of its own.

    with Air(interval_s=0.03, packets=4, lost=0.05) as air:
        board.radio = Radio(air, position_m=(3.0, 0.0))

It can be paced like a connection, lose notifications as BlueZ was seen to, and say how loud a radio is by where
it stands. What it cannot: advertisements that nobody may answer, and answers to a scan (bumble delivers neither).
"""

import asyncio
import math
import random
import threading
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink

_NOTIFICATION = 0x1B  # ATT opcode, behind the four bytes of an L2CAP header
_INDICATION = 0x1D
_AT_ONE_METRE_DBM = -59
_NEAREST_M = 0.1
_FAREWELLS = 20

T = TypeVar("T")


class Air:
    """interval_s, packets: so many packets each way a connection interval; 0: as fast as the machine can.

    lost: the share of notifications that do not arrive, drawn from seed.
    """

    def __init__(
        self, *, interval_s: float = 0.0, packets: int = 4, lost: float = 0.0, seed: int = 0
    ) -> None:
        self.interval_s = interval_s
        self.packets = packets
        self.lost = lost
        self.dropped = 0  # notifications lost so far
        self.carried = 0  # bytes of notifications delivered so far, with their ATT heads
        self.draw = random.Random(seed)
        self.host_m = (0.0, 0.0)
        self._radios: dict[str, tuple[float, float]] = {}
        self._drawn = 0

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self.link = _Link(self)
        self._thread = threading.Thread(target=self._run, name="air", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def run(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Do this in the air's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def place(self, address: str, position_m: tuple[float, float]) -> None:
        """Where the radio of this address stands."""
        self._radios[address.upper()] = position_m

    def rssi(self, address: str, listener_m: tuple[float, float] | None = None) -> int:
        """dBm of that radio at the listener (the host unless told), by free-space loss."""
        place = self._radios.get(address.upper(), self.host_m)
        distance_m = max(_NEAREST_M, math.dist(place, listener_m or self.host_m))
        return round(_AT_ONE_METRE_DBM - 20 * math.log10(distance_m))

    def draw_address(self) -> str:
        """A random static address that no other radio of this air has."""
        self._drawn += 1
        return f"F0:00:00:00:{self._drawn >> 8:02X}:{self._drawn & 0xFF:02X}"

    async def power_on(self, address: str, name: str = "host") -> Device:
        """A device of bumble's with a controller of its own. Called in the air's thread."""
        controller = Controller(f"{name} {address}", link=self.link)
        config = DeviceConfiguration(name=name, address=hci.Address(address))
        device = Device(config=config, host=Host(controller, AsyncPipeSink(controller)))
        await device.power_on()
        return device

    def power_off(self, address: str) -> None:
        """The controller of this address is no longer there; its peers notice at once."""
        for controller in [c for c in self.link.controllers if str(c.random_address) == address]:
            controller.le_legacy_advertiser.stop()
            for advertiser in controller.advertising_sets.values():
                advertiser.stop()
            for connection in list(controller.le_connections.values()):
                reason = hci.HCI_CONNECTION_TIMEOUT_ERROR
                connection.send_ll_control_pdu(ll.TerminateInd(reason))
                controller.on_le_disconnected(connection, reason)
            self.link.remove_controller(controller)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        # What still waits would complain of being destroyed; bumble's commands take more than one cancellation.
        for _ in range(_FAREWELLS):
            if not (left := asyncio.all_tasks(self.loop)):
                break
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(left, timeout=0.1))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


class _Link(LocalLink):
    """LocalLink with connection intervals, losses, and word to the sender when a notification has left."""

    def __init__(self, air: Air) -> None:
        super().__init__()
        self._air = air
        self._queues: dict[tuple[str, str], deque[bytes]] = {}
        self.on_sent: dict[str, Any] = {}  # address of a sender -> called for each notification that left

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        way = (str(sender_controller.random_address), str(destination_address))
        queue = self._queues.get(way)
        if queue is None:
            queue = self._queues[way] = deque()
            loop = self._air.loop
            if self._air.interval_s:
                # Connection events come at their own times, not when somebody has something to say.
                now = loop.time()
                wait_s = self._air.interval_s - now % self._air.interval_s
                loop.call_later(wait_s, self._event, way, sender_controller, destination_address)
            else:
                loop.call_soon(self._event, way, sender_controller, destination_address)
        queue.append(data)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        if self.find_le_controller(receiver_address) is not None:  # else switched off: nobody hears it
            super().send_ll_control_pdu(sender_address, receiver_address, packet)

    def _event(self, way: tuple[str, str], sender: Controller, destination: hci.Address) -> None:
        """One connection event: so many packets as it carries."""
        queue = self._queues[way]
        for _ in range(self._air.packets if self._air.interval_s else len(queue)):
            if queue:
                self._deliver(sender, destination, queue.popleft())
        if not queue:
            del self._queues[way]
        elif self._air.interval_s:
            self._air.loop.call_later(self._air.interval_s, self._event, way, sender, destination)
        else:
            self._air.loop.call_soon(self._event, way, sender, destination)

    def _deliver(self, sender: Controller, destination: hci.Address, data: bytes) -> None:
        opcode = data[4] if len(data) > 4 else 0
        if opcode in (_NOTIFICATION, _INDICATION):
            sent = self.on_sent.get(str(sender.random_address))
            if sent is not None:
                sent()
        if opcode == _NOTIFICATION:
            # The radio repeats what it loses; it is the stacks above it that were seen to drop notifications.
            if self._air.draw.random() < self._air.lost:
                self._air.dropped += 1
                return
            self._air.carried += len(data) - 4
        receiver = self.find_le_controller(destination)
        if receiver is not None:
            receiver.on_link_acl_data(sender.random_address, PhysicalTransport.LE, data)
