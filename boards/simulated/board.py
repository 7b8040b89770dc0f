"""The simulated board: what every board.py names, on chips that live in the host's simulator."""

import sys

import vfs
from machine import I2C, PWM, UART, Flash, Pin
from world import world

STORAGE = "/flash"
SETTINGS = world.facts["settings"]
if SETTINGS.get("ble"):
    import bluetooth  # noqa: F401  # on the chip it is there from the start; here it compiles while there is room
GREEN, RED, BUZZER, RELAY = 25, 26, 27, 33


def _mount():
    flash = Flash()
    try:
        filesystem = vfs.VfsLfs2(flash)
    except OSError:
        vfs.VfsLfs2.mkfs(flash)
        filesystem = vfs.VfsLfs2(flash)
    vfs.mount(filesystem, STORAGE)


_mount()


def open_host_port():
    """The terminal that the VM was started on, opened without blocking."""
    return sys.stdin.buffer


def open_sensor_bus():
    """I2C with the MLX90640 on it."""
    return I2C(0, freq=400000, timeout=200000)


def open_receiver(baud):
    """UART with the satellite receiver on it."""
    return UART(1, baudrate=baud, rxbuf=1024)


def open_indicator():
    """The keyword arguments of an Indicator that are pins."""
    return {
        "green": Pin(GREEN, Pin.OUT, value=0),
        "red": Pin(RED, Pin.OUT, value=0),
        "buzzer": PWM(Pin(BUZZER), freq=1000, duty_u16=0),
        "relay": Pin(RELAY, Pin.OUT, value=0),
    }
