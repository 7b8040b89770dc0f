"""The golden cases of the vendor's C library and the datasheet's worked example, as fixtures."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[2] / "data" / "mlx90640"


@dataclass(frozen=True)
class Case:
    """One golden case; temperatures in °C, `object_c` (24, 32) with NaN where there is none."""

    name: str
    eeprom: np.ndarray
    subpages: np.ndarray
    emissivity: float
    reflected_c: float
    supply_v: float
    ambient_c: float
    object_c: np.ndarray

    @property
    def is_datasheet_example(self) -> bool:
        return self.name.startswith("datasheet_example")

    @property
    def is_unaltered_sensor(self) -> bool:
        return self.name.startswith(("melexis_example/", "signaloid/", "cswank_zig/"))


@pytest.fixture(scope="session")
def golden() -> dict[str, Case]:
    """All 68 cases by name."""
    with np.load(DATA / "vendor_golden.npz") as data:
        arrays = {key: data[key] for key in data.files}
    cases = {}
    for number, name in enumerate(arrays["name"]):
        ambient_c = float(arrays["ta"][number])
        cases[str(name)] = Case(
            name=str(name),
            eeprom=arrays["eeprom"][number],
            subpages=arrays["ram"][number][np.newaxis],
            emissivity=float(arrays["emissivity"][number]),
            reflected_c=ambient_c - float(arrays["ta_minus_tr"][number]),
            supply_v=float(arrays["vdd"][number]),
            ambient_c=ambient_c,
            object_c=arrays["to"][number].reshape(24, 32).astype(np.float64),
        )
    return cases


@pytest.fixture(scope="session")
def real_sensors(golden: dict[str, Case]) -> dict[str, list[Case]]:
    """The unaltered cases of the three real sensors at emissivity 0.95 in open air."""
    return {
        sensor: [case for name, case in golden.items() if name.startswith(sensor) and name.endswith("em0.95")]
        for sensor in ("melexis_example/", "signaloid/", "cswank_zig/")
    }


@pytest.fixture(scope="session")
def melexis(real_sensors: dict[str, list[Case]]) -> list[Case]:
    """Subpage 0 and subpage 1 of Melexis' own example sensor."""
    return real_sensors["melexis_example/"]


@pytest.fixture(scope="session")
def worked_example() -> dict[str, str]:
    """Every quantity of the datasheet's worked example with its exact value, as text."""
    with (DATA / "datasheet_worked_example.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    exact = "exact (float64)"
    return {row["quantity"]: row["printed value" if row[exact] == "same" else exact] for row in rows}
