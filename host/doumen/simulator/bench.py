"""A bench with one device on it: the firmware in its VM, the simulated board, and a USB cable to plug into.

The cable is a pseudo-terminal: `port` opens with pyserial like any serial port and stays when the device
restarts, as the USB bridge of a development board does.
"""

import os
import queue
import select
import socket
import struct
import tempfile
import threading
import time
import tty
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from doumen.errors import SimulatorError
from doumen.simulator import vm
from doumen.simulator.board import HARD_RESET, OPS, POWER_ON, WATCHDOG_RESET, SimulatedBoard

HEAP = {"gate": "192k", "badge": "128k"}
# Bluetooth takes 11 kB of that, and its shim, which on the chip is not Python, 7 kB more.
HEAP_WITH_RADIO = {"gate": "216k", "badge": "152k"}
_POLL_S = 0.05
_RESPITE_S = 0.5  # before a firmware is tried again that ended by itself
_FOREVER_US = 1 << 60


class Bench:
    """One device. With free=True its clock runs from event to event while the firmware waits, up to run_until.

    port: to be opened as a serial port while the bench is in use, that is, inside `with`.
    restarts: how often the firmware was started again. problems: what the world had to object to.
    """

    port: str

    def __init__(self, board: SimulatedBoard, *, heap: str | None = None, free: bool = False) -> None:
        self.board = board
        self.restarts = 0
        self.problems: list[str] = []
        heaps = HEAP if board.radio is None else HEAP_WITH_RADIO
        self._heap = heap or heaps[str(board.settings["role"])]
        self._free = free
        self._heard: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        if board.radio is not None:
            if free:
                raise SimulatorError(
                    "the air keeps the machine's time; a board with a free clock has no radio"
                )
            board.radio.hear = self._hear
        if free:
            board.speed = 0.0
        self._connection: socket.socket | None = None
        self._process: vm.subprocess.Popen[bytes] | None = None
        self._start_s = time.monotonic()
        self._now_us = 0
        self._limit_us = _FOREVER_US
        self._waiting_us: int | None = None
        self._reached = threading.Condition()
        self._lock = threading.Lock()
        self._stopping = False
        self._has_stopped = False
        self._last_words = ""
        self._off_until_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"bench {board.device_id.hex()}", daemon=True)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._folder = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="doumen-bench-")))
            self._log = opening.enter_context((self._folder / "vm.log").open("wb"))
            self._plug_in(opening)
            self._listener = opening.enter_context(socket.create_server(("127.0.0.1", 0)))
            self._wake, self._woken = (opening.enter_context(end) for end in socket.socketpair())
            self._start_s = time.monotonic()
            self._spawn(POWER_ON)
            opening.callback(self._stop)
            self._thread.start()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def pid(self) -> int | None:
        """The process of the firmware that runs now."""
        return None if self._process is None else self._process.pid

    def now_us(self) -> int:
        """The world's clock."""
        if self._free:
            return self._now_us
        return int((time.monotonic() - self._start_s) * self.board.speed * 1e6)

    def run_until(self, time_us: int, timeout_s: float = 600) -> None:
        """Let a free clock run up to there, and wait until the firmware has nothing left to do before.

        Raises SimulatorError if that takes longer than timeout_s or the world stops before.
        """
        with self._reached:
            self._limit_us = time_us
            self._wake.send(b"!")
            self._reached.wait_for(lambda: self._now_us >= time_us or self._has_stopped, timeout_s)
            if self._now_us < time_us:
                raise SimulatorError(
                    f"the world stands at {self._now_us} us, {time_us} were asked: "
                    f"{'; '.join(self.problems)} {self.log()[-500:]}"
                )

    def release(self) -> None:
        """Let a free clock run on without an end: what a host asks now takes its time."""
        with self._reached:
            self._limit_us = _FOREVER_US
            self._wake.send(b"!")

    def power_cut(self, off_s: float = 0.2, meanwhile: Callable[[], None] | None = None) -> None:
        """Pull the plug, and put it back after so many seconds. meanwhile: what to do to the board without power."""
        with self._lock:
            self._off_until_s = time.monotonic() + off_s
            self._kill()
            self.board.go_dark(self.now_us())
            if meanwhile is not None:
                meanwhile()

    def log(self) -> str:
        """What the VM complained of."""
        # Not through the VM's own file: reading would move the place at which it writes.
        file = self._folder / "vm.log"
        return file.read_text(errors="replace") if file.exists() else self._last_words

    def _plug_in(self, opening: ExitStack) -> None:
        self._device_side, cable = os.openpty()
        opening.callback(os.close, self._device_side)
        opening.callback(os.close, cable)
        tty.setraw(cable)
        # A device whose host does not read must not hang in a write; the host's side is kept open, or the
        # device would see a hang-up that no real USB bridge shows it.
        os.set_blocking(self._device_side, False)
        self.port = os.ttyname(cable)

    def _stop(self) -> None:
        self._stopping = True
        self._wake.send(b"!")
        self._thread.join(10)
        self._kill()
        self._last_words = self.log()

    def _spawn(self, cause: int) -> None:
        self.board.go_dark(self.now_us())
        self.board.power_on(cause)
        self._waiting_us = None
        host, port = self._listener.getsockname()
        self._process = vm.start_firmware(
            self._heap, f"{host}:{port}", self._device_side, self._log, self._folder
        )

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._supervise()
                self._turn()
        except (OSError, SimulatorError, struct.error) as error:
            if not self._stopping:
                self.problems.append(f"the world stopped: {error}")
        finally:
            if self._connection is not None:
                self._connection.close()
            with self._reached:
                self._has_stopped = True
                self._reached.notify_all()

    def _supervise(self) -> None:
        """Restart a firmware that has ended, died or was starved by its watchdog."""
        with self._lock:
            process = self._process
            if process is None:
                return
            if self._off_until_s is not None:
                if time.monotonic() < self._off_until_s:
                    return
                self._off_until_s = None
                cause = POWER_ON
            elif self.board.starved(self.now_us()):
                self._kill()
                cause = WATCHDOG_RESET
            elif self.board.reset_asked:
                self._kill()
                cause = HARD_RESET
            elif process.poll() is not None:
                cause = POWER_ON
                self.problems.append(f"the firmware ended by itself: {self.log()[-500:]}")
            else:
                return
            self._hang_up()
            self.restarts += 1
            if cause == POWER_ON and self.problems:
                time.sleep(_RESPITE_S)
            self._spawn(cause)

    def _turn(self) -> None:
        """Wait for a word of the board's or for something to happen, and see to it."""
        source = self._connection or self._listener
        ready, _, _ = select.select([source, self._woken], [], [], self._patience_s())
        if self._woken in ready:
            self._woken.recv(64)
        if source in ready:
            if source is self._listener:
                self._connection, _ = self._listener.accept()
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                self._serve(source)
        while not self._heard.empty():
            self._say(*self._heard.get())
        if self._connection is not None:
            if self._free:
                self._advance()
            else:
                self._happen(self.now_us())

    def _patience_s(self) -> float:
        due = None if self._free else self.board.next_us()
        if due is None:
            return _POLL_S
        return min(_POLL_S, max(0.0, (due - self.now_us()) / self.board.speed / 1e6))

    def _serve(self, connection: socket.socket) -> None:
        try:
            head = _exactly(connection, 3)
            size, op = struct.unpack("<HB", head)
            payload = _exactly(connection, size)
        except (EOFError, ConnectionError):
            self._hang_up()
            return
        if self._off_until_s is not None:
            return  # said before the plug was pulled, and never heard
        if op == OPS["WAIT"]:
            self._waiting_us = struct.unpack("<Q", payload)[0]
            return
        if op == OPS["MOVED"]:
            self._now_us = max(self._now_us, struct.unpack("<Q", payload)[0])
            return
        answer = self.board.handle(op, payload, self.now_us())
        if answer is None:
            return
        if self._free:
            self._now_us = max(self._now_us, answer.ready_us)
        else:
            late_s = (answer.ready_us - self.now_us()) / self.board.speed / 1e6
            if late_s > 0:
                time.sleep(late_s)
        self._say(OPS["REPLY"], struct.pack("<BQ", answer.status, self.now_us()) + answer.data)

    def _advance(self) -> None:
        """While the firmware waits, move the free clock to the next thing that happens."""
        if self._waiting_us is None:
            return
        due = self.board.next_us()
        target = self._waiting_us if due is None else min(self._waiting_us, due)
        target = max(target, self._now_us)
        with self._reached:
            if target > self._limit_us:
                self._now_us = max(self._now_us, self._limit_us)
                self._reached.notify_all()
                return
            self._now_us = target
            self._reached.notify_all()
        self._waiting_us = None
        self._happen(target)
        due = self.board.next_us()
        horizon = self._limit_us if due is None else min(self._limit_us, due)
        self._say(OPS["NOW"], struct.pack("<QQ", target, horizon))

    def _happen(self, now_us: int) -> None:
        while data := self.board.happen(now_us):
            self._say(OPS["UART_DATA"], data)

    def _hear(self, op: int, data: bytes) -> None:
        """What the radio has for the board, from the air's thread."""
        self._heard.put((op, data))
        with suppress(OSError):  # before the start and after the end there is nobody to wake
            self._wake.send(b"!")

    def _say(self, op: int, data: bytes) -> None:
        if self._connection is None:
            return
        try:
            self._connection.sendall(struct.pack("<HB", len(data), op) + data)
        except ConnectionError:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
