"""The world of the demo: a gate that lives three lives, and two badges.

The gate replays two real sensors, one after the other, then people walk through it, one of them febrile. One badge
carries a receiver that replays a real log, the other one a BeiDou-only log.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from doumen.config import ReferenceSettings, ScreeningSettings, Settings
from doumen.model import Passage, Verdict
from doumen.simulator.bench import Bench
from doumen.simulator.board import SimulatedBoard
from doumen.simulator.chips import Mlx90640
from doumen.simulator.receiver import Receiver
from doumen.simulator.scene import ReferenceSource, Scene, queue_of_people
from doumen.simulator.sensor_words import SensorWords
from doumen.simulator.sights import Painted, Recorded
from doumen.thermal.calibration import Calibration

SHORTEST_S = 24
_HEALTHY_C, _FEBRILE_C = 36.8, 39.0
_FEBRILE_NUMBER = 2
_FIRST_S, _EVERY_S = 3.5, 4.0
_LAST_NEEDS_S = 5.0
_CONTROL_WORD = 832


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person of the scene, and what the gate made of them. Times: ms since 1970 UTC."""

    name: str
    oral_c: float
    from_ms: int
    to_ms: int
    passages: tuple[Passage, ...]

    @property
    def is_febrile(self) -> bool:
        """Whether the clinical thermometer would say so."""
        return self.oral_c >= 38.0

    @property
    def verdict(self) -> Verdict | None:
        """The last word of the gate; None if it saw nobody."""
        return self.passages[-1].verdict if self.passages else None

    @property
    def is_wrong(self) -> bool:
        """A febrile person was let through, a healthy one stopped, or somebody not seen at all."""
        never = Verdict.PASS if self.is_febrile else Verdict.ELEVATED
        return not self.passages or any(passage.verdict is never for passage in self.passages)


class DemoWorld:
    """Three benches. acts_s: when the gate's second and third life begin, s after the start."""

    def __init__(self, seconds: float, seed: int) -> None:
        self.acts_s = (0.14 * seconds, 0.28 * seconds)
        self._seed = seed
        with resources.files("doumen.simulator").joinpath("data", "sensors.npz").open("rb") as file:
            self._sensors: dict[str, NDArray[np.uint16]] = dict(np.load(file))
        people = int((seconds - self.acts_s[1] - _FIRST_S - _LAST_NEEDS_S) / _EVERY_S) + 1
        orals = [_FEBRILE_C if i + 1 == _FEBRILE_NUMBER else _HEALTHY_C for i in range(people)]
        visitors = queue_of_people(seed, orals, first_s=_FIRST_S, every_s=_EVERY_S)
        self._scene = Scene(visitors, reference=ReferenceSource(), seed=seed)
        self._began_ms: int | None = None
        self.gate = Bench(_gate_board(self._replaying("melexis_example")))
        self.badge = Bench(_badge_board(1, "quectel-l76k-nmea.log", baud=115200, interval_ms=200))
        self.beidou_badge = Bench(_badge_board(2, "beidou-bd.log", baud=9600, interval_ms=1000))
        self._open = ExitStack()

    @property
    def benches(self) -> Sequence[Bench]:
        """All devices, the gate first."""
        return (self.gate, self.badge, self.beidou_badge)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for bench in self.benches:
                opening.enter_context(bench)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def second_act(self) -> None:
        """The gate's sensor is replaced by another real one; the gate is switched off meanwhile."""
        self._restart_gate(self._replaying("signaloid"))

    def third_act(self, now_ms: int) -> None:
        """The first sensor again, warm, and people before it. now_ms: the host's clock."""
        began_s = self.gate.now_us() / 1e6
        self._began_ms = now_ms
        eeprom = self._sensors["melexis_example_eeprom"]
        words = SensorWords(Calibration.from_eeprom(eeprom), self._sensors["melexis_example_subpages"][0])
        self._restart_gate(Mlx90640(eeprom, Painted(self._scene, words, began_s, self._seed)))

    def visitors(self, passages: Sequence[Passage]) -> list[Visitor]:
        """The people of the scene, each with the passages during which they were in view."""
        began_ms = self._began_ms or 0
        found: list[Visitor] = []
        for truth in self._scene.truth:
            from_ms = began_ms + round(truth.arrives_s * 1000)
            to_ms = began_ms + round(truth.gone_s * 1000)
            theirs = [p for p in passages if from_ms <= (p.started_ms + p.ended_ms) // 2 <= to_ms]
            found.append(Visitor(truth.name, truth.oral_c, from_ms, to_ms, tuple(theirs)))
        return found

    def _replaying(self, name: str) -> Mlx90640:
        subpages = self._sensors[f"{name}_subpages"]
        control = int(subpages[0, _CONTROL_WORD])
        return Mlx90640(self._sensors[f"{name}_eeprom"], Recorded(subpages), control=control)

    def _restart_gate(self, sensor: Mlx90640) -> None:
        self.gate.power_cut(0.3, lambda: setattr(self.gate.board, "sensor", sensor))


def demo_settings(database: str) -> Settings:
    """What a host at this gate would be configured with: the simulated sensor is warm, a reference is in view."""
    source = ReferenceSource()
    reference = ReferenceSettings(
        row=source.row, column=source.column, size_px=source.size_px, temperature_c=source.temperature_c
    )
    settings = Settings(database=database, screening=ScreeningSettings(reference=reference))
    return settings.model_copy(update={"gate": settings.gate.model_copy(update={"warm_up_s": 0})})


def _gate_board(sensor: Mlx90640) -> SimulatedBoard:
    return SimulatedBoard(bytes.fromhex("d0e0000000000001"), {"role": "gate"}, sensor=sensor)


def _badge_board(number: int, log: str, *, baud: int, interval_ms: int) -> SimulatedBoard:
    recorded = resources.files("doumen.simulator").joinpath("data", log).read_bytes()
    settings: dict[str, object] = {
        "role": "badge",
        "receiver_baud": baud,
        "interval_ms": interval_ms,
        "block_age_ms": 1000,
    }
    return SimulatedBoard(
        bytes.fromhex(f"bad0e0000000000{number}"), settings, receiver=Receiver(recorded, baud=baud)
    )
