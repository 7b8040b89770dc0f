"""How far thermal calibration is from what the machine can do, and which part is overhead.

The work that no way of computing avoids, each kind timed alone on as many pixels as a block holds, so that caches are
as warm as they get: six square roots and two divisions a pixel, the reading of every measured word and the writing of
every pixel. What our way adds to that (additions, products, spreading what a subpage's pixels share) is work of its
own and timed alone as well. The rest is overhead: calls, the sensor's auxiliary words, caches.
"""

import numpy as np
from tools.bench.figures import Figure, Section
from tools.bench.timing import Effort, race

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import as_subpages, conditions, row_conditions
from doumen.thermal.frames import BLOCK_BYTES
from doumen.thermal.temperature import object_c

PIXELS = 768
SQUARE_ROOTS, DIVISIONS = 6, 2
# Array and array: gain, offset, and the surroundings three times. Array and number: KsTo once, its zero twice.
ARRAY_PASSES, NUMBER_PASSES, RANGE_CHECKS = 5, 3, 2
# Terms that are spread over the pixels, for two subpages each: gain, five of the offset, surroundings.
SPREAD = (2, 10, 2)


def roofline(calibration: Calibration, frame: np.ndarray, batch: int, effort: Effort) -> list[Section]:
    many = np.tile(frame, (batch, 1))
    frames = BLOCK_BYTES // (PIXELS * 4)
    kelvin = np.full((frames, PIXELS), 300, np.float32)
    other, target = kelvin.copy(), np.empty_like(kelvin)
    images = np.empty((batch, 2, PIXELS), np.float32)
    celsius = np.full((2 * frames, PIXELS), 273.15, np.float32)
    words = np.empty((2 * batch, PIXELS), np.uint16)
    one, two, three = words[:frames], words[frames : 2 * frames], words[2 * frames : 3 * frames]
    factors = [np.ones((frames, terms), np.float32) for terms in SPREAD]
    tables = [np.ones((terms, PIXELS), np.float32) for terms in SPREAD]
    number = np.array(1, np.float32)
    block = images[:frames].reshape(-1, PIXELS)
    tiny, nothing = kelvin[0, :1], np.empty(1, np.float32)

    def spread() -> None:
        for left, right in zip(factors, tables, strict=True):
            np.matmul(left, right, target)

    def gather() -> None:
        np.bitwise_xor(one, two, three)
        np.bitwise_and(one, two, three)
        np.bitwise_xor(one, two, three)
        np.copyto(target, three.view(np.int16))

    def scatter() -> None:
        block[0::2] = kelvin
        block[1::2] = kelvin
        np.subtract(block, celsius, block)

    best = race(
        {
            "ours": lambda: object_c(calibration, many),
            "one frame": lambda: object_c(calibration, frame),
            "sqrt": lambda: np.sqrt(kelvin, target),
            "divide": lambda: np.divide(kelvin, other, target),
            "read": lambda: np.copyto(words, many[:, :PIXELS]),
            "write": lambda: images.fill(0),
            "array": lambda: np.add(kelvin, other, target),
            "number": lambda: np.add(kelvin, number, target),
            "largest": lambda: kelvin.argmax(),
            "spread": spread,
            "gather": gather,
            "scatter": scatter,
            "conditions": lambda: conditions(calibration, many),
            "one's conditions": lambda: row_conditions(calibration, as_subpages(frame)),
            "call": lambda: np.add(tiny, tiny, nothing),
        },
        effort,
    )
    # Nanoseconds a frame.
    ns = {name: best[name] / batch * 1e9 for name in ("ours", "read", "write", "conditions")}
    ns |= {
        name: best[name] / frames * 1e9 for name in ("sqrt", "divide", "array", "number", "largest", "spread")
    }
    ns |= {name: best[name] / frames * 1e9 for name in ("gather", "scatter")}

    read_bytes, written_bytes = 2 * PIXELS * 2, 2 * PIXELS * 4
    needed = {
        f"{SQUARE_ROOTS} square roots a pixel": SQUARE_ROOTS * ns["sqrt"],
        f"{DIVISIONS} divisions a pixel": DIVISIONS * ns["divide"],
        f"{read_bytes:,} bytes read": ns["read"],
        f"{written_bytes:,} bytes written": ns["write"],
    }
    limit = sum(needed.values())
    arithmetic = (
        ARRAY_PASSES * ns["array"]
        + NUMBER_PASSES * ns["number"]
        + RANGE_CHECKS * ns["largest"]
        + ns["spread"]
    )
    added = {
        "additions, products, range check": arithmetic,
        # Beyond the bytes themselves, which the limit has.
        "two subpages to a frame and back": max(0.0, ns["gather"] + ns["scatter"] - ns["write"]),
        "Ta, Vdd, gain, compensation pixel": ns["conditions"],
    }
    rest = ns["ours"] - limit - sum(added.values())
    lines = [Figure(what, value, "ns") for what, value in needed.items()]
    lines.append(Figure("limit: the sum of these", limit, "ns"))
    lines += [Figure(what, value, "ns") for what, value in added.items()]
    lines.append(Figure("overhead: calls, allocation, cold caches", rest, "ns"))
    lines.append(Figure("ours, all of it", ns["ours"], "ns"))
    lines.append(Figure("share of the limit in it", 100 * limit / ns["ours"], "%"))

    alone = {
        "arithmetic, as in a block": limit - ns["read"] - ns["write"] + arithmetic,
        "Ta, Vdd, gain, compensation pixel": best["one's conditions"] * 1e9,
    }
    one_ns = best["one frame"] * 1e9
    overhead = one_ns - sum(alone.values())
    return [
        Section(f"roofline, ns a frame of {batch} at once, float32, each line timed alone", lines),
        Section(
            "where the time of one frame goes, float32",
            [Figure(what, value / 1e3, "us") for what, value in alone.items()]
            + [
                Figure("overhead of calls", overhead / 1e3, "us"),
                Figure("ours, all of it", one_ns / 1e3, "us"),
                Figure("one call of numpy on one number", best["call"] * 1e9, "ns"),
            ],
            [f"The overhead is that of {overhead / (best['call'] * 1e9):.0f} calls of numpy."],
        ),
    ]
