"""The sensor's driver against a bus that knows the chip's rules and refuses to write to its EEPROM."""

from fakes import Clock, Counters

from device import mlx90640
from device.errors import SensorError
from device.mlx90640 import FRESH, MLX90640, NOTHING, STALE, TORN

WORD = 2
EEPROM_BYTES = bytes(i * 11 % 256 for i in range(1664))


class Bus:
    """An MLX90640 on I2C. during_read: called while a block of RAM is being read, for what happens then."""

    def __init__(self):
        self.status = 0
        self.control = 0x1901
        self.ram = 0  # every byte of it
        self.silent = False
        self.stuck_control = False
        self.during_read = None
        self.transfers = []
        self.eeprom_writes = 0

    def readfrom_mem_into(self, address, register, buffer, addrsize=8):
        self._begin(address, addrsize, "read", register)
        if register == 0x2400:
            buffer[:] = EEPROM_BYTES[: len(buffer)]
        elif register == 0x0400:
            half = len(buffer) // 2
            buffer[:half] = bytes([self.ram]) * half
            if self.during_read is not None:
                self.during_read()
            buffer[half:] = bytes([self.ram]) * (len(buffer) - half)
        elif register in (0x8000, 0x800D):
            assert len(buffer) == WORD
            buffer[:] = (self.status if register == 0x8000 else self.control).to_bytes(2, "big")
        else:
            raise AssertionError(hex(register))

    def writeto_mem(self, address, register, data, addrsize=8):
        self._begin(address, addrsize, "write", register)
        if 0x2400 <= register < 0x2740:
            self.eeprom_writes += 1
            raise AssertionError("the EEPROM bears ten writes in a lifetime")
        assert len(data) == WORD
        value = int.from_bytes(data, "big")
        if register == 0x8000:
            self.status = self.status & 7 | value & 0xFFF8
        elif register == 0x800D:
            if not self.stuck_control:
                self.control = value
        else:
            raise AssertionError(hex(register))

    def store(self, number):
        """The sensor has a new subpage."""
        self.status = 0x0038 | number
        self.ram += 1

    def _begin(self, address, addrsize, what, register):
        assert (address, addrsize) == (0x33, 16)
        self.transfers.append((what, register))
        if self.silent:
            raise OSError(19)


class Scene:
    def __init__(self, rate_hz=16):
        self.clock = Clock(mlx90640)
        self.bus = Bus()
        self.counters = Counters()
        self.sensor = MLX90640(self.bus, self.counters)
        self.sensor.start(rate_hz)
        self.bus.transfers = []

    def next(self, number):
        """A period later the sensor stores; what poll makes of it."""
        self.clock.now += self.sensor.period_ms
        self.bus.store(number)
        return self.sensor.poll()


def raises_sensor_error(call, *arguments):
    try:
        call(*arguments)
    except SensorError:
        return True
    return False


def test_the_eeprom_is_read_as_it_is_and_never_written():
    bus = Bus()
    sensor = MLX90640(bus, Counters())
    assert sensor.read_eeprom() == EEPROM_BYTES
    assert bus.transfers == [("read", 0x2400)]


def test_starting_sets_rate_and_chess_and_nothing_else():
    for rate_hz, control in ((0.5, 0x1801), (2, 0x1901), (16, 0x1A81), (32, 0x1B01), (64, 0x1B81)):
        bus = Bus()
        bus.control = 0x0801 | 0x0200  # 18 bits, interleaved, 8 Hz
        sensor = MLX90640(bus, Counters())
        sensor.start(rate_hz)
        assert bus.control == control, rate_hz
        assert sensor.control == control
        assert sensor.period_ms == int(1000 / rate_hz)
        assert bus.eeprom_writes == 0


def test_a_control_register_that_does_not_hold_is_an_error():
    bus = Bus()
    bus.stuck_control = True
    assert raises_sensor_error(MLX90640(bus, Counters()).start, 16)


def test_without_new_data_only_the_status_is_asked_for():
    scene = Scene()
    assert scene.sensor.poll() == NOTHING
    assert scene.bus.transfers == [("read", 0x8000)]
    assert scene.counters.subpages == 0


def test_fresh_subpages_are_read_in_one_block_each():
    scene = Scene()
    for i in range(6):
        scene.bus.transfers = []
        assert scene.next(i % 2) == FRESH
        assert scene.sensor.buffer == bytes([scene.bus.ram]) * 1664
        assert scene.sensor.status & 7 == i % 2
        assert scene.bus.transfers == [
            ("read", 0x8000),
            ("write", 0x8000),
            ("read", 0x0400),
            ("read", 0x8000),
        ]
    assert scene.counters.subpages == 6
    assert (scene.counters.torn, scene.counters.stale) == (0, 0)
    assert scene.sensor.poll() == NOTHING


def test_the_buffer_is_made_once():
    scene = Scene()
    buffer = scene.sensor.buffer
    scene.next(0)
    scene.next(1)
    assert scene.sensor.buffer is buffer


def test_a_subpage_stored_while_we_read_is_torn():
    scene = Scene()
    scene.next(0)

    def interrupt():
        scene.clock.now += 40
        scene.bus.store(0)

    scene.bus.during_read = interrupt
    assert scene.next(1) == TORN
    assert scene.counters.torn == 1
    scene.bus.during_read = None
    # The one that interrupted is there already, and whole.
    assert scene.sensor.poll() == FRESH
    assert scene.sensor.buffer == bytes([scene.bus.ram]) * 1664
    assert scene.sensor.status & 7 == 0
    assert scene.counters.subpages == 2


def test_the_same_subpage_stored_again_while_we_read_is_not_fresh():
    scene = Scene()
    scene.next(0)
    scene.bus.during_read = lambda: scene.bus.store(1)
    assert scene.next(1) != FRESH
    assert scene.counters.subpages == 1


def test_the_same_number_within_a_period_is_stale():
    scene = Scene()
    assert scene.next(0) == FRESH
    scene.clock.now += 5
    scene.bus.store(0)
    assert scene.sensor.poll() == STALE
    assert scene.counters.stale == 1
    assert scene.next(1) == FRESH


def test_the_same_number_after_a_missed_one_is_fresh():
    scene = Scene()
    assert scene.next(0) == FRESH
    scene.clock.now += scene.sensor.period_ms
    assert scene.next(0) == FRESH
    assert scene.counters.subpages == 2


def test_a_new_start_forgets_what_was_last():
    scene = Scene()
    scene.next(0)
    scene.sensor.start(16)
    scene.bus.store(0)
    assert scene.sensor.poll() == FRESH


def test_a_silent_bus_is_an_error_by_name_at_every_transfer():
    for count in range(4):
        scene = Scene()
        scene.bus.store(0)
        # The bus falls silent after so many more transfers.
        begin = scene.bus._begin

        def failing(*arguments, left=[count], begin=begin, scene=scene):  # noqa: B006  # one count a scene
            scene.bus.silent = left[0] == 0
            left[0] -= 1
            begin(*arguments)

        scene.bus._begin = failing
        assert raises_sensor_error(scene.sensor.poll), count
        assert scene.counters.subpages == 0
    bus = Bus()
    bus.silent = True
    assert raises_sensor_error(MLX90640(bus, Counters()).read_eeprom)
    assert raises_sensor_error(MLX90640(bus, Counters()).start, 16)


def test_a_missing_sensor_that_comes_back_works_after_a_start():
    scene = Scene()
    scene.next(0)
    scene.bus.silent = True
    assert raises_sensor_error(scene.sensor.poll)
    scene.bus.silent = False
    scene.bus.control = 0x1901  # it lost its power
    scene.sensor.start(16)
    assert scene.bus.control == 0x1A81
    assert scene.next(0) == FRESH


def test_what_poll_finds_can_be_told_apart():
    assert len({NOTHING, FRESH, TORN, STALE}) == 4


def test_the_pause_ends_after_four_fifths_of_the_period():
    scene = Scene(rate_hz=2)
    scene.next(0)
    assert scene.sensor.pause_ms() == 400
    scene.clock.now += 150
    assert scene.sensor.pause_ms() == 250
    scene.clock.now += 300
    assert scene.sensor.pause_ms() == 0


def test_a_sensor_with_nothing_fresh_for_a_second_is_as_good_as_silent():
    scene = Scene()
    assert scene.next(0) == FRESH
    scene.clock.now += 1000
    assert scene.sensor.poll() == NOTHING
    scene.clock.now += 3 * scene.sensor.period_ms + 1
    assert raises_sensor_error(scene.sensor.poll)
    scene.sensor.start(16)
    assert scene.sensor.poll() == NOTHING
