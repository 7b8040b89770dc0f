"""`time` in the world's time; takes the place of the built-in module."""

import utime
from utime import gmtime, localtime, mktime  # noqa: F401
from world import _BASE_MS, ticks_ms, world  # noqa: F401

_US_AT_START = 946684800000000  # an ESP32 wakes up on 1 January 2000


def ticks_us():
    return _BASE_MS * 1000 + world.now_us()


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    return ticks + delta


def ticks_diff(end, start):
    return end - start


def sleep_us(duration):
    world.sleep_us(duration)


def sleep_ms(duration):
    world.sleep_us(duration * 1000)


def sleep(duration):
    world.sleep_us(int(duration * 1000000))


def time_ns():
    return (_US_AT_START + world.now_us()) * 1000


def time():
    return time_ns() // 1000000000


clock = utime.clock
