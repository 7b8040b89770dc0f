"""Taking turns: only times of one run, measured in turn, can be compared on a machine that does other things too."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How long to measure. `rounds` turns each, `turn_s` seconds long; `frames` for what is counted, not timed."""

    rounds: int
    turn_s: float
    frames: int


FULL = Effort(rounds=40, turn_s=0.02, frames=100_000)
QUICK = Effort(rounds=2, turn_s=0.002, frames=2_000)


def race(contenders: dict[str, Callable[[], object]], effort: Effort) -> dict[str, float]:
    """The least time, in s, that one call of each contender took, as the mean over one turn.

    The minimum, because what disturbs only ever adds. Each turn begins with one call that does not count: the others
    have emptied the caches.
    """
    calls = {name: _calls_in(effort.turn_s, function) for name, function in contenders.items()}
    best = dict.fromkeys(contenders, float("inf"))
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(effort.rounds):
            for name, function in contenders.items():
                function()
                best[name] = min(best[name], _mean_s(function, calls[name]))
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return best


def _calls_in(turn_s: float, function: Callable[[], object]) -> int:
    function()
    return max(1, round(turn_s / max(_mean_s(function, 1), 1e-9)))


def _mean_s(function: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - started) / calls
