"""`select` in the world's time; takes the place of the built-in module, so that asyncio waits in it."""

import uselect
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401
from world import world

_POLL = 3  # MP_STREAM_POLL


class poll:
    """As the built-in: real files are polled by the machine, simulated ports by what they hold."""

    def __init__(self):
        self._real = uselect.poll()
        self._real.register(world.socket, POLLIN)
        self._simulated = {}

    def register(self, stream, mask=POLLIN | POLLOUT):
        # A stream written in Python (asyncio's ThreadSafeFlag) changes when the world speaks, so it is asked here:
        # in the machine's poll it would cost a turn each millisecond.
        if hasattr(stream, "simulated_events") or hasattr(stream, "ioctl"):
            self._simulated[id(stream)] = [stream, mask]
        else:
            self._real.register(stream, mask)

    def modify(self, stream, mask):
        if id(stream) in self._simulated:
            self._simulated[id(stream)][1] = mask
        else:
            self._real.modify(stream, mask)

    def unregister(self, stream):
        if id(stream) in self._simulated:
            del self._simulated[id(stream)]
        else:
            self._real.unregister(stream)

    def poll(self, timeout=-1):
        until_us = None if timeout < 0 else world.now_us() + timeout * 1000
        while True:
            ready = [(stream, events) for stream, events in self._real.poll(0) if stream is not world.socket]
            for stream, mask in self._simulated.values():
                events = _events(stream, mask)
                if events:
                    ready.append((stream, events))
            if ready or (until_us is not None and world.now_us() >= until_us):
                return ready
            world.idle(self._real, until_us)

    def ipoll(self, timeout=-1, flags=0):
        return iter(self.poll(timeout))


def _events(stream, mask):
    if hasattr(stream, "simulated_events"):
        return stream.simulated_events() & mask
    return stream.ioctl(_POLL, mask)
