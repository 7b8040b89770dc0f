"""Calls of the command line inside this process, and devices for it to talk to."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from typing import IO

import numpy as np
import pytest
from numpy.typing import NDArray

from doumen.cli import main
from doumen.simulator.bench import Bench
from doumen.simulator.board import SimulatedBoard
from doumen.simulator.chips import Mlx90640
from doumen.simulator.receiver import Receiver
from doumen.simulator.sights import Recorded

DATA = resources.files("doumen.simulator").joinpath("data")
GATE, BADGE = "9a7e000000000001", "bad0000000000001"


@dataclass(frozen=True)
class Called:
    """What a call ended with and printed."""

    status: int
    out: str
    err: str

    def json(self) -> object:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on standard error of a call that failed as it should."""
        assert self.status == 1, self
        assert self.err.count("\n") == 1, self
        assert self.err.startswith("doumen: "), self
        return self.err.removeprefix("doumen: ").strip()


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Called:
    """`doumen ARGUMENTS`, inside this process."""
    capsys.readouterr()
    status = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else -1
    captured = capsys.readouterr()
    return Called(status, captured.out, captured.err)


def start(*arguments: object, stdout: str | None = None, **environment: str) -> "subprocess.Popen[str]":
    """`doumen ARGUMENTS` in a process of its own. stdout: a file to print to, instead of a pipe."""
    if stdout is not None:
        with open(stdout, "wb") as file:
            return _start(arguments, file, environment)
    return _start(arguments, subprocess.PIPE, environment)


def _start(
    arguments: tuple[object, ...], stdout: int | IO[bytes], environment: dict[str, str]
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", "from doumen.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def sensor_words(name: str = "melexis_example") -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """(EEPROM, its two subpages) of a real sensor; gate() replays the first one."""
    with DATA.joinpath("sensors.npz").open("rb") as file:
        stored = np.load(file)
        return stored[f"{name}_eeprom"], stored[f"{name}_subpages"]


def gate() -> Bench:
    eeprom, subpages = sensor_words()
    sensor = Mlx90640(eeprom, Recorded(subpages), control=int(subpages[0, 832]))
    return Bench(SimulatedBoard(bytes.fromhex(GATE), {"role": "gate"}, sensor=sensor))


def badge() -> Bench:
    """A badge that has logged all that it will ever see: the five fixes of a short log, and then silence."""
    log = DATA.joinpath("beidou-bd.log").read_bytes()
    settings: dict[str, object] = {"role": "badge", "receiver_baud": 115_200, "block_age_ms": 500}
    receiver = Receiver(log, baud=115_200)
    return Bench(SimulatedBoard(bytes.fromhex(BADGE), settings, receiver=receiver, speed=5.0))
