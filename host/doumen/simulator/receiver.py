"""A satellite receiver that replays a recorded log at the log's own pace and obeys `$PCAS` sentences.

Of the recorded sentences it sends what a CASIC chip so configured would send; sentences that `$PCAS03` does not
name pass as they were recorded. Lines that begin with `#` are the log's comments and never leave.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TIMED = re.compile(rb"\$..(?:RMC|GGA|GNS|ZDA|GLL|BWC),(?:[^,]*,[A-Z],[^,]*,[A-Z],)?(\d{6}(?:\.\d+)?)")
_GLL = re.compile(rb"\$..GLL,[^,]*,[^,]*,[^,]*,[^,]*,(\d{6}(?:\.\d+)?)")
# The order of $PCAS03's fields.
_RATED = (
    b"GGA",
    b"GLL",
    b"GSA",
    b"GSV",
    b"RMC",
    b"VTG",
    b"ZDA",
    b"ANT",
    b"DHV",
    b"LPS",
    b"",
    b"",
    b"UTC",
    b"GST",
)
_BAUDS = (4800, 9600, 19200, 38400, 57600, 115200)
_DAY_MS = 86_400_000
_BITS_A_BYTE = 10


@dataclass(frozen=True, slots=True)
class _Epoch:
    time_ms: int  # since the log's first epoch
    of_day_ms: int
    lines: tuple[bytes, ...]


class Receiver:
    """Starts when its UART is opened first; from then on `due_us` and `take` give what it says, and when.

    wrong_commands counts sentences to it that it did not understand; sent counts sentences that left it.
    """

    def __init__(self, log: bytes, *, baud: int = 9600, repeat: bool = False) -> None:
        self._epochs = _epochs(log.splitlines(keepends=True))
        if not self._epochs:
            raise ValueError("the log has no sentence with a time of day")
        self._repeat = repeat
        self._started_us: int | None = None
        self._next = 0
        self._round_ms = 0
        self._baud = baud
        self._interval_ms = 0
        self._last_epoch_ms: int | None = None
        self._off: set[bytes] = set()
        self._answers: list[bytes] = []
        self._answer_us = 0
        self._heard = b""
        self.wrong_commands = 0
        self.sent = 0

    def open(self, baud: int, now_us: int) -> None:
        """The board opens its UART: from here on the log runs."""
        if self._started_us is None:
            self._started_us = now_us + 300_000  # it takes a moment to wake up

    def due_us(self) -> int | None:
        """When the next bytes will have arrived, or None if there are no more."""
        if self._answers:
            return self._answer_us
        if self._started_us is None or self._next >= len(self._epochs):
            return None
        epoch = self._epochs[self._next]
        size = sum(len(line) for line in epoch.lines)
        ends = self._started_us + (self._round_ms + epoch.time_ms) * 1000
        return ends + size * _BITS_A_BYTE * 1_000_000 // self._baud

    def take(self, now_us: int) -> bytes:
        """The bytes that have arrived by now."""
        if self._answers and self._answer_us <= now_us:
            answers, self._answers = self._answers, []
            return b"".join(answers)
        due = self.due_us()
        if due is None or due > now_us:
            return b""
        epoch = self._epochs[self._next]
        self._next += 1
        time_ms = self._round_ms + epoch.time_ms
        if self._repeat and self._next == len(self._epochs):
            self._next = 0
            self._round_ms += self._epochs[-1].time_ms + 1000
        if self._last_epoch_ms is not None and time_ms - self._last_epoch_ms < self._interval_ms:
            return b""
        self._last_epoch_ms = time_ms
        lines = [line for line in epoch.lines if line.strip()[3:6] not in self._off]
        self.sent += len(lines)
        return b"".join(lines)

    def hear(self, data: bytes, now_us: int) -> None:
        """Bytes that the board writes to it."""
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            self._obey(line.strip(), now_us)

    def _obey(self, line: bytes, now_us: int) -> None:
        body, _, check = line[1:].partition(b"*")
        if not line.startswith(b"$PCAS") or check.upper() != sentence_check(body):
            self.wrong_commands += 1
            return
        command, *fields = body.split(b",")
        try:
            self._command(command, fields, now_us)
        except (ValueError, IndexError):  # a number that is none, or a code that means nothing
            self.wrong_commands += 1

    def _command(self, command: bytes, fields: list[bytes], now_us: int) -> None:
        if command == b"PCAS01":
            self._baud = _BAUDS[int(fields[0])]
        elif command == b"PCAS02":
            self._interval_ms = int(fields[0])
        elif command == b"PCAS03":
            # An empty field leaves that kind as it was.
            named = {kind: rate for kind, rate in zip(_RATED, fields, strict=False) if kind and rate}
            self._off = self._off - named.keys() | {kind for kind, rate in named.items() if rate == b"0"}
        elif command == b"PCAS06":
            text = b"GPTXT,01,01,02,SW=URANUS5,V5.1.0.0"
            self._answers.append(b"$%s*%s\r\n" % (text, sentence_check(text)))
            self._answer_us = now_us + 50_000
        elif command not in (b"PCAS00", b"PCAS04", b"PCAS05", b"PCAS10"):
            self.wrong_commands += 1


def sentence_check(body: bytes) -> bytes:
    """The two hexadecimal digits after the `*` of a sentence with this text between `$` and `*`."""
    check = 0
    for byte in body:
        check ^= byte
    return b"%02X" % check


def retalk(log: bytes, talker: bytes) -> bytes:
    """The same log as a receiver with another talker would have sent it; check sums computed anew.

    A sentence whose check sum is wrong stays as it is: with a right one it would be believed.
    """

    def rewrite(match: re.Match[bytes]) -> bytes:
        if sentence_check(match[0][1:-3]) != match[0][-2:].upper():
            return match[0]
        body = talker + match[1]
        return b"$%s*%s" % (body, sentence_check(body))

    return re.sub(rb"\$(?:GN|GP|BD|GB|GL)([A-Z]{3},[^*\r\n]*)\*[0-9A-Fa-f]{2}", rewrite, log)


def _epochs(lines: Iterable[bytes]) -> list[_Epoch]:
    """Lines grouped by the time of day that they name; those that name none go with the lines before them."""
    epochs: list[_Epoch] = []
    group: list[bytes] = []
    of_day_ms: int | None = None
    time_ms = 0
    for line in lines:
        if line.startswith(b"#"):
            continue
        named = _time_of_day_ms(line)
        if named is not None and of_day_ms is not None and named != of_day_ms:
            epochs.append(_Epoch(time_ms, of_day_ms, tuple(group)))
            group = []
            step = (named - of_day_ms) % _DAY_MS
            time_ms += (
                step if step < _DAY_MS // 2 else 0
            )  # a clock that is set back does not stop the receiver
        if named is not None:
            of_day_ms = named
        group.append(line if line.endswith(b"\n") else line + b"\r\n")
    if of_day_ms is not None and group:
        epochs.append(_Epoch(time_ms, of_day_ms, tuple(group)))
    return epochs


def _time_of_day_ms(line: bytes) -> int | None:
    match = _GLL.search(line) or _TIMED.search(line)
    if match is None:
        return None
    digits = match[1]
    return (int(digits[:2]) * 60 + int(digits[2:4])) * 60_000 + round(float(digits[4:]) * 1000)
