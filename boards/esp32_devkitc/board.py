"""ESP32-DevKitC (ESP32-WROOM-32) for gate and badge: pins and buses. README.md beside this file has the wiring."""

import io
import select
import sys
import time

import micropython
from machine import I2C, PWM, UART, Pin

STORAGE = ""
SETTINGS = {}
SENSOR_SCL, SENSOR_SDA = 22, 21
RECEIVER_TX, RECEIVER_RX = 17, 16
GREEN, RED, BUZZER, RELAY = 25, 26, 27, 33

_MP_STREAM_POLL = 3

# Once the firmware runs, the port is its own. Before that a REPL can still be had.
print("doumen: Ctrl-C within 2 s for the REPL")
time.sleep_ms(2000)


class _HostPort(io.IOBase):
    """The USB bridge, UART 0, as a stream that never waits: the REPL's own streams wait for every byte asked."""

    def __init__(self):
        micropython.kbd_intr(-1)  # byte 3 is data here
        self._poller = select.poll()
        self._poller.register(sys.stdin, select.POLLIN)

    def ioctl(self, request, flags):
        if request != _MP_STREAM_POLL:
            return -1
        ready = flags & select.POLLOUT
        if flags & select.POLLIN and self._poller.poll(0):
            ready |= select.POLLIN
        return ready

    def read(self, size):
        data = bytearray()
        while len(data) < size and self._poller.poll(0):
            data += sys.stdin.buffer.read(1)
        return bytes(data)

    def write(self, data):
        # At 921,600 baud a subpage takes 18 ms here; the driver waits for its FIFO.
        return sys.stdout.buffer.write(data)


def open_host_port():
    """The USB port, at the baud rate that the host uses."""
    UART(0, baudrate=921600)
    return _HostPort()


def open_sensor_bus():
    """I2C with the MLX90640 on it; a whole subpage takes 38 ms, so the driver's default of 50 ms is kept away from."""
    return I2C(0, scl=Pin(SENSOR_SCL), sda=Pin(SENSOR_SDA), freq=400000, timeout=200000)


def open_receiver(baud):
    """UART with the satellite receiver on it."""
    return UART(2, baudrate=baud, tx=RECEIVER_TX, rx=RECEIVER_RX, rxbuf=1024, timeout=0)


def open_indicator():
    """The keyword arguments of an Indicator that are pins."""
    return {
        "green": Pin(GREEN, Pin.OUT, value=0),
        "red": Pin(RED, Pin.OUT, value=0),
        "buzzer": PWM(Pin(BUZZER), freq=1000, duty_u16=0),
        "relay": Pin(RELAY, Pin.OUT, value=0),
    }
