"""Devices for these tests: real firmware in the real VM, on simulated boards."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from doumen.client import Client, connect
from doumen.errors import LinkError
from doumen.simulator.bench import Bench
from doumen.simulator.board import SimulatedBoard
from doumen.simulator.chips import Mlx90640
from doumen.simulator.receiver import Receiver
from doumen.simulator.sights import Recorded

DATA = resources.files("doumen.simulator").joinpath("data")
BADGE_ID = "bad0000000000001"
GATE_ID = "9a7e000000000001"


def recorded_log(name: str) -> bytes:
    return DATA.joinpath(f"{name}.log").read_bytes()


def real_sensor(name: str = "melexis_example") -> Mlx90640:
    subpages, eeprom = sensor_words(name)
    return Mlx90640(eeprom, Recorded(subpages), control=int(subpages[0, 832]))


def sensor_words(name: str) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    with DATA.joinpath("sensors.npz").open("rb") as file:
        stored = np.load(file)
        return stored[f"{name}_subpages"], stored[f"{name}_eeprom"]


def badge(receiver: Receiver, *, free: bool = False, **settings: object) -> Bench:
    given = {"role": "badge", "receiver_baud": 115200, "interval_ms": 200, "block_age_ms": 1000, **settings}
    return Bench(SimulatedBoard(bytes.fromhex(BADGE_ID), given, receiver=receiver), free=free)


def gate(sensor: Mlx90640, *, speed: float = 1.0, **settings: object) -> Bench:
    board = SimulatedBoard(bytes.fromhex(GATE_ID), {"role": "gate", **settings}, sensor=sensor, speed=speed)
    return Bench(board)


async def connected(bench: Bench, tries: int = 5) -> Client:
    """A client of the device on this bench, which may just be starting."""
    for _ in range(tries - 1):
        with suppress(LinkError):
            return await connect(bench.port)
    return await connect(bench.port)


@contextmanager
def running(*benches: Bench) -> Iterator[None]:
    """All of them switched on; afterwards the world must have had nothing to object to."""
    for bench in benches:
        bench.__enter__()
    try:
        yield
    finally:
        for bench in benches:
            bench.__exit__(None, None, None)
    for bench in benches:
        assert bench.problems == []
        if bench.board.sensor is not None:
            assert bench.board.sensor.eeprom_writes == 0, "a real sensor's EEPROM would wear out"
