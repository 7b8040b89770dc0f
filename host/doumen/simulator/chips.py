"""The MLX90640 as its data sheet's registers: a bus master sees what it would see on the bench, faults included.

Source: MLX90640 datasheet rev 12: §8.2 measurement flow, §9 I2C, §10.2 to §10.5 memory map and registers.
"""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint16]

RAM, RAM_WORDS = 0x0400, 832
EEPROM, EEPROM_WORDS = 0x2400, 832
STATUS = 0x8000
CONTROL = 0x800D
POWER_ON_CONTROL = 0x1901  # what EEPROM word 0x240C loads: chess, 18 bit, 2 Hz, subpages on

_NEW_DATA = 0x0008
_OVERWRITE = 0x0010
_SUBPAGE_MODE = 0x0001
_BITS_A_WORD = 18  # two bytes with their acknowledge bits
_BITS_OF_ADDRESSING = 40


class Scene(Protocol):
    """What the sensor looks at."""

    def measure(self, number: int, control: int, time_s: float) -> Words:
        """(832,) uint16: pixel and auxiliary words after subpage `number` was measured, ending at time_s."""
        ...


class Mlx90640:
    """One sensor on a bus of bus_hz. Time is handed in, in us, and must not run backwards.

    Faults for tests: present (False: NACK), nacks (so many accesses fail), stuck (a clear of the status is lost),
    frozen (it answers and measures no more).
    eeprom_writes counts what destroys a real one: it has ten write cycles in its life.
    """

    address = 0x33

    def __init__(
        self, eeprom: Words, scene: Scene, *, control: int = POWER_ON_CONTROL, bus_hz: int = 400_000
    ) -> None:
        if eeprom.shape != (EEPROM_WORDS,):
            raise ValueError(f"an EEPROM has {EEPROM_WORDS} words, not {eeprom.shape}")
        self.eeprom = eeprom.astype(np.uint16)
        self.scene = scene
        self.present = True
        self.nacks = 0
        self.stuck = False
        self.frozen = False
        self.eeprom_writes = 0
        self._control = control
        self._status = _OVERWRITE
        self._ram = np.zeros(RAM_WORDS, np.uint16)
        self._number = 0
        self._us_a_word = _BITS_A_WORD * 1e6 / bus_hz
        self._us_of_addressing = _BITS_OF_ADDRESSING * 1e6 / bus_hz
        self._due_us = self._period_us()
        self.measured = 0

    def read(self, register: int, count: int, now_us: int) -> tuple[Words, int] | None:
        """(count words from register on, when the last of them has left), or None for a NACK.

        A subpage that is stored while the block is on its way shows in the words that leave after it: the block
        is torn, as on the real part.
        """
        if not self._answers():
            return None
        self._advance(now_us)
        start_us = now_us + self._us_of_addressing
        end_us = int(start_us + count * self._us_a_word)
        words = self._memory(register, count)
        while self._due_us <= end_us:
            gone = max(0, math.floor((self._due_us - start_us) / self._us_a_word) + 1)
            self._advance(self._due_us)
            words[gone:] = self._memory(register, count)[gone:]
        return words, end_us

    def write(self, register: int, word: int, now_us: int) -> int | None:
        """Write one word; when it is done, or None for a NACK.

        It counts from its last bit on: what the sensor did while it was on its way came before it.
        """
        if not self._answers():
            return None
        end_us = int(now_us + self._us_of_addressing + self._us_a_word)
        self._advance(end_us)
        if EEPROM <= register < EEPROM + EEPROM_WORDS:
            self.eeprom_writes += 1
        elif register == STATUS:
            kept = _NEW_DATA if self.stuck else self._status & word & _NEW_DATA
            self._status = self._status & 7 | word & _OVERWRITE | kept
        elif register == CONTROL:
            period_us = self._period_us()
            self._control = word
            if self._period_us() != period_us:
                self._due_us = end_us + self._period_us()
        return end_us

    def _answers(self) -> bool:
        if self.nacks:
            self.nacks -= 1
            return False
        return self.present

    def _period_us(self) -> int:
        return int(2_000_000 / (1 << (self._control >> 7 & 7)))

    def _advance(self, now_us: int) -> None:
        """Measure what the time allows. After a long sleep only the last subpages were worth keeping."""
        period_us = self._period_us()
        if self.frozen:
            self._due_us = max(self._due_us, now_us + period_us)
            return
        if self._due_us <= now_us and not self._status & (_OVERWRITE | _NEW_DATA):
            self._measure(self._due_us)  # the first one stays: none of those after it may take its place
            self._due_us += period_us
        behind = (now_us - self._due_us) // period_us
        if behind > 2:
            skipped = int(behind) - 2
            self._due_us += skipped * period_us
            self._number ^= skipped & 1
            self.measured += skipped
        while self._due_us <= now_us:
            self._measure(self._due_us)
            self._due_us += period_us

    def _measure(self, end_us: int) -> None:
        number = self._number if self._control & _SUBPAGE_MODE else 0
        self._number ^= 1
        self.measured += 1
        if self._status & _NEW_DATA and not self._status & _OVERWRITE:
            return
        self._ram = self.scene.measure(number, self._control, end_us / 1e6)
        self._status = self._status & ~7 | _NEW_DATA | number

    def _memory(self, register: int, count: int) -> Words:
        words = np.zeros(count, np.uint16)
        for base, content in (
            (RAM, self._ram),
            (EEPROM, self.eeprom),
            (STATUS, np.array([self._status], np.uint16)),
            (CONTROL, np.array([self._control], np.uint16)),
        ):
            first = max(register, base)
            last = min(register + count, base + len(content))
            if first < last:
                words[first - register : last - register] = content[first - base : last - base]
        return words
