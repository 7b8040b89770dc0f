"""The world's end of one simulated board: its chips, its pins and its watchdog. No sockets, no clock of its own."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from doumen.errors import SimulatorError
from doumen.kit import board_constants
from doumen.simulator.chips import Mlx90640
from doumen.simulator.flash import NorFlash
from doumen.simulator.receiver import Receiver

OPS = board_constants("simulated", "ops")
PINS = {25: "green", 26: "red", 27: "buzzer", 33: "relay"}
POWER_ON, HARD_RESET, WATCHDOG_RESET = 1, 2, 3

_RADIO = range(OPS["BLE_ACTIVE"], OPS["BLE_DISCONNECT"] + 1)
_DONE = 0
_NO_DEVICE = 19  # ENODEV, as the ESP32's I2C driver says for a NACK


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over the wire. ready_us: not before that time, as the bus would take so long."""

    data: bytes
    ready_us: int
    status: int = _DONE


class BoardRadio(Protocol):
    """What a board needs of a radio; `doumen.simulator.radio` has one, and needs bumble."""

    hear: Callable[[int, bytes], None]

    def obey(self, op: int, payload: bytes) -> None: ...

    def go_silent(self) -> None: ...


@dataclass
class SimulatedBoard:
    """device_id: 8 bytes; settings: what config.json would say. The flash outlives restarts.

    pins: the level of each output by name, and the buzzer's tone in Hz (0: silent).
    history: (time_us, pin, level) of every change.
    """

    device_id: bytes
    settings: dict[str, object]
    sensor: Mlx90640 | None = None
    receiver: Receiver | None = None
    radio: BoardRadio | None = None
    flash: NorFlash = field(default_factory=lambda: NorFlash(OPS["FLASH_BLOCKS"], OPS["FLASH_BLOCK_BYTES"]))
    speed: float = 1.0
    cause: int = POWER_ON
    pins: dict[str, int] = field(default_factory=dict[str, int])
    history: list[tuple[int, str, int]] = field(default_factory=list[tuple[int, str, int]])
    reset_asked: bool = False
    _watchdog_us: int | None = None

    def go_dark(self, now_us: int) -> None:
        """Without power, or in reset, no pin is driven: lights go out and the relay falls off."""
        for name, level in self.pins.items():
            if level:
                self.history.append((now_us, name, 0))
        self.pins = dict.fromkeys(self.pins, 0)
        if self.radio is not None:
            self.radio.go_silent()

    def power_on(self, cause: int) -> None:
        """The chip starts again; what is on the flash stays."""
        self.cause = cause
        self.reset_asked = False
        self._watchdog_us = None

    def starved(self, now_us: int) -> bool:
        """Whether the watchdog has had enough."""
        return self._watchdog_us is not None and now_us >= self._watchdog_us

    def next_us(self) -> int | None:
        """When something will happen by itself next."""
        times = [self._watchdog_us, self.receiver.due_us() if self.receiver else None]
        known = [time for time in times if time is not None]
        return min(known) if known else None

    def happen(self, now_us: int) -> bytes:
        """What arrived at the board's UART by now."""
        return self.receiver.take(now_us) if self.receiver else b""

    def handle(self, op: int, payload: bytes, now_us: int) -> Answer | None:
        """One word of the board's; None where it expects no answer."""
        if op in _RADIO:
            if self.radio is not None:
                self.radio.obey(op, payload)
            return None
        handler = self._handlers.get(op)
        if handler is None:
            raise SimulatorError(f"the board says {op}, which has no meaning")
        return handler(self, payload, now_us)

    def _hello(self, payload: bytes, now_us: int) -> Answer:
        facts = {
            "speed": self.speed,
            "device_id": self.device_id.hex(),
            "cause": self.cause,
            "settings": self.settings,
        }
        return Answer(json.dumps(facts).encode(), now_us)

    def _i2c_read(self, payload: bytes, now_us: int) -> Answer:
        address, register, size = struct.unpack("<BHH", payload)
        if self.sensor is None or address != self.sensor.address:
            return Answer(b"", now_us, _NO_DEVICE)
        read = self.sensor.read(register, (size + 1) // 2, now_us)
        if read is None:
            return Answer(b"", now_us, _NO_DEVICE)
        words, ready_us = read
        return Answer(words.astype(">u2").tobytes()[:size], ready_us)

    def _i2c_write(self, payload: bytes, now_us: int) -> Answer:
        address, register = struct.unpack_from("<BH", payload)
        if self.sensor is None or address != self.sensor.address:
            return Answer(b"", now_us, _NO_DEVICE)
        ready_us = now_us
        for i, word in enumerate(np.frombuffer(payload[3:], ">u2")):
            done_us = self.sensor.write(register + i, int(word), ready_us)
            if done_us is None:
                return Answer(b"", now_us, _NO_DEVICE)
            ready_us = done_us
        return Answer(b"", ready_us)

    def _uart_open(self, payload: bytes, now_us: int) -> None:
        if self.receiver is not None:
            self.receiver.open(struct.unpack("<I", payload)[0], now_us)

    def _uart_write(self, payload: bytes, now_us: int) -> None:
        if self.receiver is not None:
            self.receiver.hear(payload, now_us)

    def _pin(self, payload: bytes, now_us: int) -> None:
        self._set(payload[0], payload[1], now_us)

    def _pwm(self, payload: bytes, now_us: int) -> None:
        number, frequency, duty = struct.unpack("<BIH", payload)
        self._set(number, frequency if duty else 0, now_us)

    def _set(self, number: int, level: int, now_us: int) -> None:
        name = PINS.get(number, str(number))
        if self.pins.get(name) != level:
            self.pins[name] = level
            self.history.append((now_us, name, level))

    def _flash_read(self, payload: bytes, now_us: int) -> Answer:
        return Answer(self.flash.read(*struct.unpack("<III", payload)), now_us)

    def _flash_program(self, payload: bytes, now_us: int) -> Answer:
        block, offset = struct.unpack_from("<II", payload)
        self.flash.program(block, offset, payload[8:])
        return Answer(b"", now_us)

    def _flash_erase(self, payload: bytes, now_us: int) -> Answer:
        self.flash.erase(struct.unpack("<I", payload)[0])
        return Answer(b"", now_us)

    def _watchdog(self, payload: bytes, now_us: int) -> None:
        self._watchdog_us = now_us + struct.unpack("<I", payload)[0] * 1000

    def _reset(self, payload: bytes, now_us: int) -> Answer:
        self.reset_asked = True
        return Answer(b"", now_us)

    _handlers: "dict[int, Callable[[SimulatedBoard, bytes, int], Answer | None]]" = field(
        default_factory=lambda: {
            OPS["HELLO"]: SimulatedBoard._hello,
            OPS["I2C_READ"]: SimulatedBoard._i2c_read,
            OPS["I2C_WRITE"]: SimulatedBoard._i2c_write,
            OPS["UART_OPEN"]: SimulatedBoard._uart_open,
            OPS["UART_WRITE"]: SimulatedBoard._uart_write,
            OPS["PIN"]: SimulatedBoard._pin,
            OPS["PWM"]: SimulatedBoard._pwm,
            OPS["FLASH_READ"]: SimulatedBoard._flash_read,
            OPS["FLASH_PROGRAM"]: SimulatedBoard._flash_program,
            OPS["FLASH_ERASE"]: SimulatedBoard._flash_erase,
            OPS["WATCHDOG"]: SimulatedBoard._watchdog,
            OPS["RESET"]: SimulatedBoard._reset,
        }
    )
