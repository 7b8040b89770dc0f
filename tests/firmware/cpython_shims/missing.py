"""The names that MicroPython's `time` and `asyncio` have beyond CPython's. For tests only."""

import asyncio
import time

_PERIOD = 1 << 30  # of ticks_ms on an ESP32


def ticks_ms():
    return time.monotonic_ns() // 1000000 % _PERIOD


def ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def ticks_diff(end, start):
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


async def sleep_ms(duration):
    await asyncio.sleep(duration / 1000)


def add_to_cpython():
    time.ticks_ms = ticks_ms
    time.ticks_add = ticks_add
    time.ticks_diff = ticks_diff
    asyncio.sleep_ms = sleep_ms
