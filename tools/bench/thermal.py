"""Thermal calibration: speed against Adafruit's driver, distance from the limit, accuracy, memory."""

import csv
import functools
import gc
import os
from pathlib import Path

import numpy as np
from tools.bench.figures import Figure, Section
from tools.bench.thermal_cases import DATA, EMISSIVITY, REAL_SENSORS, AdafruitFrame, golden_cases
from tools.bench.thermal_roofline import roofline
from tools.bench.timing import Effort, race

from doumen.thermal.calibration import Calibration
from doumen.thermal.temperature import measure, object_c

ADAFRUIT = "Adafruit"
BATCH = 256
HOT_C, COLDEST_C = 400.0, -40.0
# Frames computed at once while memory is watched.
GROWTH_BATCH = 64


def sections(effort: Effort) -> list[Section]:
    cases = [
        case for case in golden_cases() if case.name.startswith("melexis") and case.name.endswith("em0.95")
    ]
    frame = np.concatenate([case.subpage for case in cases])
    calibration = Calibration.from_eeprom(cases[0].eeprom)
    adafruit = AdafruitFrame(cases[0].eeprom, frame)
    return [
        speed(calibration, frame, adafruit, effort),
        *roofline(calibration, frame, BATCH, effort),
        accuracy(),
        memory(calibration, frame, effort),
    ]


def speed(calibration: Calibration, frame: np.ndarray, adafruit: AdafruitFrame, effort: Effort) -> Section:
    many = np.tile(frame, (BATCH, 1))
    ours = functools.partial(object_c, calibration, emissivity=EMISSIVITY)
    best = race(
        {
            ADAFRUIT: adafruit,
            "one": lambda: ours(frame),
            "one and all it says": lambda: measure(calibration, frame, emissivity=EMISSIVITY),
            "one, float64": lambda: ours(frame, dtype=np.float64),
            "half": lambda: ours(frame[:1]),
            "many": lambda: ours(many),
            "many, float64": lambda: ours(many, dtype=np.float64),
        },
        effort,
    )
    peer_us = best[ADAFRUIT] * 1e6
    # What it is, whose time, of how many frames, and the goal.
    lines = (
        ("one frame", "one", 1, 50),
        ("one frame; Ta and Vdd returned too", "one and all it says", 1, None),
        ("one frame, float64", "one, float64", 1, None),
        ("one frame, as its subpages come, one by one", "half", 0.5, None),
        (f"{BATCH} frames at once", "many", BATCH, 300),
        (f"{BATCH} frames at once, float64", "many, float64", BATCH, None),
    )
    return Section(
        "speed of a full frame: two subpages, Ta and Vdd included, datasheet mode, float32",
        [
            Figure(what, best[name] / frames * 1e6, "us", ADAFRUIT, peer_us, at_least=goal)
            for what, name, frames, goal in lines
        ],
        [
            "The vendor's C, built with gcc -O3, is about 60 times Adafruit; it is measured outside of this repository."
        ],
    )


def accuracy() -> Section:
    """The largest error over the golden cases, and the datasheet's own example."""
    worst: dict[tuple[str, str, str], float] = {}
    for case in golden_cases():
        for mode in ("vendor", "datasheet"):
            if mode == "datasheet" and not case.name.startswith(REAL_SENSORS):
                continue
            for dtype in (np.float32, np.float64):
                image_c = object_c(case.calibration(mode), case.subpage, dtype=dtype, **case.settings)[0]
                error_k = np.abs(image_c - case.object_c)
                for part, asked in (
                    ("below -40 °C", case.object_c < COLDEST_C),
                    ("to 400 °C", (case.object_c >= COLDEST_C) & (case.object_c <= HOT_C)),
                    ("above", case.object_c > HOT_C),
                ):
                    key = (mode, np.dtype(dtype).name, part)
                    worst[key] = max(worst.get(key, 0.0), float(error_k[asked].max(initial=0)))
    limits = {("vendor", "below -40 °C"): 1e-4, ("vendor", "to 400 °C"): 1e-4, ("vendor", "above"): 1e-3}
    figures = [
        Figure(f"{mode} mode, {dtype}, {part}", error, "K", at_most=limits.get((mode, part), 2e-3))
        for (mode, dtype, part), error in worst.items()
        if mode == "vendor" or part == "to 400 °C"  # no real sensor saw anything hotter or colder
    ]
    with (DATA / "datasheet_worked_example.csv").open(newline="", encoding="utf-8") as file:
        exact = {row["quantity"]: row["exact (float64)"] for row in csv.DictReader(file)}
    example = next(case for case in golden_cases() if case.name == "datasheet_example/frame0/em1.0")
    image_c = object_c(example.calibration("datasheet"), example.subpage, emissivity=1.0)[0]
    error = abs(float(image_c[11, 15]) - float(exact["To extended"].split(";")[0]))
    figures.append(Figure("datasheet's worked example", error, "K", at_most=1e-3))
    return Section("largest error against the vendor's C library", figures)


def memory(calibration: Calibration, frame: np.ndarray, effort: Effort) -> Section:
    """What the process grows by over many frames, half of them one by one, half of them in batches."""
    many = np.tile(frame, (GROWTH_BATCH, 1))

    def compute(frames: int) -> None:
        for _ in range(frames // 2):
            object_c(calibration, frame)
        for _ in range(frames // 2 // GROWTH_BATCH):
            object_c(calibration, many)

    compute(2 * GROWTH_BATCH)
    gc.collect()
    before = _resident_bytes()
    compute(effort.frames)
    grown_mb = (_resident_bytes() - before) / 1e6
    return Section("memory", [Figure(f"growth over {effort.frames:,} frames", grown_mb, "MB", at_most=5)])


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        import resource

        # The peak, in KiB; where there is no /proc (macOS) in bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE")
