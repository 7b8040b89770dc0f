"""The gate's role with a sensor, lights and a session that are scripts."""

import asyncio

from fakes import Counters

from device import gate as gate_module
from device import indicator, mlx90640
from device.errors import SensorError
from device.gate import Gate
from device.session import LiveSlot, Refusal
from doumen_wire import messages
from doumen_wire.records import SUBPAGE_BYTES, SUBPAGE_HEAD


class Stop(Exception):
    """The test has seen enough turns."""


class Sensor:
    """Answers each poll with the next of its script; an exception in it is raised."""

    def __init__(self, *script):
        self.script = list(script)
        self.buffer = bytearray(SUBPAGE_BYTES)
        self.control = 0x1A81
        self.status = 0x0038
        self.period_ms = 0
        self.starts = 0

    def read_eeprom(self):
        return b"EEPROM"

    def start(self, rate_hz):
        self.starts += 1

    def pause_ms(self):
        return 0

    def poll(self):
        found = self.script.pop(0)
        if isinstance(found, Exception):
            raise found
        if found != mlx90640.NOTHING:
            self.buffer[0] += 1
        return found


class Lights:
    def __init__(self):
        self.state = indicator.OUT_OF_SERVICE
        self.shown = []

    def show(self, state, hold_ms=0):
        self.state = state
        self.shown.append((state, hold_ms))

    def tick(self):
        if len(self.shown) > 50:
            raise Stop


class Host:
    """A session as the gate sees it."""

    def __init__(self, streaming=True, present=True):
        self.streaming = streaming
        self.present = present
        self.replies = []

    def host_present(self):
        return self.present

    async def reply(self, kind, request, *parts):
        self.replies.append((kind, request, b"".join(parts)))


def gate_after(*script):
    """A gate that has polled its sensor so often, and its counters."""
    counters = Counters()
    gate = Gate(Sensor(*script), Lights(), counters, 16)
    turns = [len(script)]

    def alive():
        turns[0] -= 1
        if turns[0] <= 0:
            raise Stop

    gate_module._RETRY_MS = 0
    try:
        asyncio.run(gate.sense(alive))
    except Stop:
        return gate, counters
    raise AssertionError("sense ended by itself")


def states_shown(gate, session):
    """The states between an out of service before and some turns of indicate."""
    turns = [3]

    def tick():
        turns[0] -= 1
        if not turns[0]:
            raise Stop

    shown = gate._lights.shown
    gate._lights.tick = tick
    try:
        asyncio.run(gate.indicate(session))
    except Stop:
        gate._lights.shown = []
    return [state for state, _ in shown]


def refusal_of(answering):
    try:
        asyncio.run(answering)
    except Refusal as refusal:
        return refusal.args[0]
    return None


def waiting(gate):
    return gate.live._filled.is_set()


def test_a_fresh_subpage_is_offered_with_its_head():
    gate, _ = gate_after(mlx90640.NOTHING, mlx90640.FRESH, mlx90640.NOTHING)
    head, payload = asyncio.run(gate.live.take())
    fields = SUBPAGE_HEAD.unpack(head)
    assert (fields["sequence"], fields["control"], fields["status"]) == (0, 0x1A81, 0x0038)
    assert len(payload) == SUBPAGE_BYTES


def test_a_newer_subpage_overtakes_one_that_nobody_fetched():
    gate, counters = gate_after(mlx90640.FRESH, mlx90640.FRESH, mlx90640.FRESH)
    assert counters.live_dropped == 2
    head, _ = asyncio.run(gate.live.take())
    assert SUBPAGE_HEAD.unpack(head)["sequence"] == 2


def test_a_subpage_whose_buffer_was_overwritten_is_never_sent():
    for spoiler in (mlx90640.TORN, mlx90640.STALE, SensorError("in the middle of a block")):
        gate, counters = gate_after(mlx90640.FRESH, spoiler)
        assert not waiting(gate), spoiler
        assert counters.live_dropped == 1


def test_looking_in_vain_leaves_a_waiting_subpage_alone():
    gate, counters = gate_after(mlx90640.FRESH, mlx90640.NOTHING, mlx90640.NOTHING)
    assert waiting(gate)
    assert counters.live_dropped == 0


def test_a_sensor_that_fails_is_counted_and_started_again():
    gate, counters = gate_after(mlx90640.FRESH, SensorError("gone"), mlx90640.FRESH)
    assert counters.sensor_errors == 1
    assert gate._sensor.starts == 2
    assert gate.eeprom == b"EEPROM"


def test_service_needs_a_host_that_listens_and_a_sensor_that_works():
    gate, _ = gate_after(mlx90640.FRESH)
    assert gate.in_service(Host())
    assert not gate.in_service(Host(streaming=False))
    assert not gate.in_service(Host(present=False))
    broken, _ = gate_after(SensorError("gone"))
    assert not broken.in_service(Host())


def test_a_verdict_is_shown_in_service_only():
    fields = {"verdict": messages.VERDICT_PASS, "passage": 1, "hold_ms": 3000}
    gate, counters = gate_after(mlx90640.FRESH)
    for host, shown in (
        (Host(), [(indicator.PASS, 3000)]),
        (Host(present=False), []),
        (Host(streaming=False), []),
    ):
        gate._lights.shown = []
        asyncio.run(gate.handlers[messages.VERDICT](host, 5, fields))
        assert gate._lights.shown == shown
        assert host.replies == [(messages.DONE, 5, b"")]
    assert counters.verdicts == 3


def test_out_of_service_is_shown_as_long_as_it_lasts():
    gate, _ = gate_after(mlx90640.FRESH)
    gate._lights.state = indicator.PASS
    gate_module._INDICATOR_MS = 0
    try:
        asyncio.run(gate.indicate(Host(present=False)))
    except Stop:
        assert set(gate._lights.shown) == {(indicator.OUT_OF_SERVICE, 0)}


def test_back_in_service_it_is_ready_and_a_verdict_stays():
    gate, _ = gate_after(mlx90640.FRESH)
    assert states_shown(gate, Host()) == [indicator.READY]
    gate._lights.show(indicator.ELEVATED, 3000)
    assert states_shown(gate, Host()) == [indicator.ELEVATED]


def test_after_a_torn_subpage_the_next_is_asked_for_at_once():
    gate, _ = gate_after(mlx90640.FRESH)
    gate._sensor.pause_ms = lambda: 40
    gate._sensor.period_ms = 62
    gate._sensor.script = [mlx90640.TORN, mlx90640.FRESH, mlx90640.STALE, mlx90640.NOTHING]
    assert [gate._look() for _ in range(4)] == [0, 40, 40, 3]


def test_verdicts_and_signs_have_the_same_numbers():
    assert (indicator.PASS, indicator.LOOK_AGAIN, indicator.ELEVATED) == (
        messages.VERDICT_PASS,
        messages.VERDICT_LOOK_AGAIN,
        messages.VERDICT_ELEVATED,
    )


def test_the_eeprom_is_refused_until_the_sensor_has_answered():
    gate, _ = gate_after(mlx90640.FRESH)
    host = Host()
    asyncio.run(gate.handlers[messages.GET_EEPROM](host, 6, {}))
    assert host.replies == [(messages.EEPROM_IS, 6, b"EEPROM")]
    gate.eeprom = None
    assert refusal_of(gate.handlers[messages.GET_EEPROM](host, 7, {})) == messages.SENSOR_SILENT
    assert len(host.replies) == 1


def test_streaming_is_switched_on_and_off():
    gate, _ = gate_after(mlx90640.FRESH)
    host = Host(streaming=False)
    asyncio.run(gate.handlers[messages.STREAM](host, 1, {"on": 1}))
    assert host.streaming is True
    asyncio.run(gate.handlers[messages.STREAM](host, 2, {"on": 0}))
    assert host.streaming is False


def test_a_slot_gives_each_message_once():
    slot = LiveSlot(Counters())
    slot.offer(b"head", b"payload")
    assert asyncio.run(slot.take()) == (b"head", b"payload")
    assert not slot._filled.is_set()
    slot.withdraw()
    assert slot._counters.live_dropped == 0
