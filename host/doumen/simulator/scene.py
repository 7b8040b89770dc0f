"""The thermal world in front of a simulated gate, as the 55° x 35° part would see it.

People come in from the side, walk up to the gate, stand, and leave to the side. What they look like is
painted once a person, in body coordinates; a frame only scales and shifts that picture, so it costs a
fraction of a millisecond. `Scene.temperatures` is a pure function of time. Noise is not part of it: the
sensor adds it (`noise_c`).

Not in this world yet: turned heads, glasses, hats, masks, reflection, draughts, the lens's point spread.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

ROWS, COLUMNS = 24, 32
# Field of view 55° x 35° (FACTS 1); a pinhole: metres across one pixel for each metre of distance.
PITCH_X = 2 * math.tan(math.radians(55 / 2)) / COLUMNS
PITCH_Y = 2 * math.tan(math.radians(35 / 2)) / ROWS
SUPERSAMPLE = 4
COMMON_MODE_SD_C = 0.13

# The body picture: 2.5 mm a texel, finer than a subsample at 0.5 m (4 mm). y counts down from the crown.
TEXEL_M = 0.0025
BODY_HALF_WIDTH_M, BODY_HEIGHT_M = 0.30, 0.90
HEAD_HALF_WIDTH_M, HEAD_HALF_HEIGHT_M = 0.0775, 0.115
EYE_X_M, EYE_Y_M, EYE_DISC_RADIUS_M = 0.030, 0.107, 0.006
ENTRY_DISTANCE_M, SUBPAGE_HZ = 1.5, 16.0


def eye_disc_from_oral_c(oral_c: float) -> float:
    """Skin temperature that a 1.2 cm disc over the hotter eye shows, °C, for the average person.

    Source: straight line through the 1,020 people of PhysioNet 10.13026/3bhc-9065 (mean of four rounds
    against `aveOralM`, 20-29 °C rooms); real people scatter around it with SD 0.45 K, which is
    `Person.skin_offset_c`.
    """
    return 35.11 + 0.827 * (oral_c - 37.0)


def noise_sd_c() -> FloatArray:
    """Standard deviation of one pixel's noise in one subpage, (24, 32), K, at 16 Hz refresh.

    Centre 0.29, median 0.39, corners 1.3 (FACTS 1). Common mode, 0.13 K a subpage, comes on top.
    """
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    radius = np.hypot(rows - (ROWS - 1) / 2, columns - (COLUMNS - 1) / 2)
    # Exponent found so that the median pixel has 0.39 K.
    return 0.29 + 1.01 * (radius / radius.max()) ** 4.2


_NOISE_SD_C = noise_sd_c()


def noise_c(rng: np.random.Generator) -> FloatArray:
    """One subpage's noise, (24, 32), K: independent pixels and a common mode; `rng` is the only state."""
    return rng.standard_normal((ROWS, COLUMNS)) * _NOISE_SD_C + rng.standard_normal() * COMMON_MODE_SD_C


@dataclass(frozen=True, slots=True)
class Person:
    """One visitor: who, when, how warm, and the way through the gate. Metres, seconds, °C.

    arrives_s: when the person steps into the corridor, still out of view.
    skin_offset_c: how far this face is from the average of its oral temperature (real people: SD 0.45 K).
    distance_m: where the person stands; height_m: head centre above the optical axis; sideways_m: to the
    right. enters_from, leaves_to: -1 left, +1 right.
    """

    name: str
    arrives_s: float
    oral_c: float = 36.8
    skin_offset_c: float = 0.0
    distance_m: float = 0.5
    height_m: float = 0.0
    sideways_m: float = 0.0
    pace_m_s: float = 1.1
    stands_s: float = 1.0
    enters_from: int = -1
    leaves_to: int = 1

    @property
    def eye_disc_c(self) -> float:
        return eye_disc_from_oral_c(self.oral_c) + self.skin_offset_c


@dataclass(frozen=True, slots=True)
class Truth:
    """What a perfect gate would know of one person. Seconds of scene time, °C."""

    name: str
    arrives_s: float
    stands_s: float
    leaves_s: float
    gone_s: float
    oral_c: float
    eye_disc_c: float


@dataclass(frozen=True, slots=True)
class ReferenceSource:
    """A black body behind the place where people stand: `size_px` square from (row, column), °C.

    Between covered_from_s and covered_until_s something at room temperature hangs over it.
    """

    row: int = 2
    column: int = 2
    size_px: int = 3
    temperature_c: float = 36.5
    covered_from_s: float = math.inf
    covered_until_s: float = math.inf


@dataclass(frozen=True, slots=True)
class HotObject:
    """A rectangle of wall at another temperature (radiator, window), from `appears_s` on. Pixels, °C."""

    row: int
    column: int
    height_px: int
    width_px: int
    temperature_c: float
    appears_s: float = -math.inf


def queue_of_people(
    seed: int, orals_c: Iterable[float], *, first_s: float = 3.0, every_s: float = 4.0, scatter_c: float = 0.2
) -> list[Person]:
    """People one after another, drawn with `seed`: where they stand, how fast they walk, how warm they are.

    scatter_c: SD of skin temperature around its oral temperature, K, cut at two SDs. Real people: 0.45.
    """
    rng = np.random.default_rng(seed)
    return [
        Person(
            name=f"person {number}",
            arrives_s=first_s + every_s * index,
            oral_c=oral_c,
            skin_offset_c=float(np.clip(rng.normal(), -2, 2)) * scatter_c,
            distance_m=float(rng.uniform(0.48, 0.60)),
            height_m=float(rng.uniform(-0.03, 0.02)),
            sideways_m=float(rng.uniform(-0.03, 0.03)),
            pace_m_s=float(rng.uniform(0.9, 1.3)),
            enters_from=int(rng.choice([-1, 1])),
        )
        for index, (number, oral_c) in enumerate(enumerate(orals_c, start=1))
    ]


def baseline_readings(seed: int = 0, count: int = 50, scatter_c: float = 0.2) -> list[float]:
    """What a gate here would have read from `count` healthy people (oral 36.8 °C), °C; for preloading.

    The 3-hottest-pixel reading lies below the eye disc because a pixel is wider than the eye is warm.
    """
    rng = np.random.default_rng(seed)
    middle_c = eye_disc_from_oral_c(36.8) + READING_BELOW_EYE_DISC_C
    return [float(value) for value in middle_c + rng.normal(0.0, scatter_c, count)]


# Median over the simulated passages of tests/host/screening/test_rates.py, which holds it to 0.1 K.
READING_BELOW_EYE_DISC_C = -0.12


def _ellipse(
    x: FloatArray, y: FloatArray, centre: tuple[float, float], half: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    return ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 <= 1.0


def paint_person(eye_disc_c: float, ambient_c: float, rng: np.random.Generator) -> Float32Array:
    """Head, neck and clothed torso in body coordinates, (360, 240) float32, °C; NaN around the body.

    The mean over the 1.2 cm disc on the hotter eye is exactly `eye_disc_c`. Differences between regions
    follow the medians of the PhysioNet set: forehead 0.55 K under the eye disc, canthi 0.65 K over it; the
    mouth varies.
    """
    half_columns = round(BODY_HALF_WIDTH_M / TEXEL_M)
    rows = round(BODY_HEIGHT_M / TEXEL_M)
    y, x = np.mgrid[0:rows, 0 : 2 * half_columns].astype(np.float64)
    x, y = (x - half_columns + 0.5) * TEXEL_M, (y + 0.5) * TEXEL_M
    picture = np.full(x.shape, np.nan)
    over_room_c = eye_disc_c - ambient_c

    shoulders = np.abs(x) <= np.clip(0.06 + 2.2 * (y - 0.245), 0.06, 0.22 + rng.uniform(-0.02, 0.02))
    picture[(y > 0.245) & shoulders] = ambient_c + over_room_c * rng.uniform(0.30, 0.50)
    picture[(y > 0.19) & (y < 0.27) & (np.abs(x) < 0.055)] = eye_disc_c - 0.9

    head = _ellipse(x, y, (0.0, HEAD_HALF_HEIGHT_M), (HEAD_HALF_WIDTH_M, HEAD_HALF_HEIGHT_M))
    picture[head] = eye_disc_c - 1.4
    picture[head & _ellipse(x, y, (0.0, 0.075), (0.058, 0.032))] = eye_disc_c - 0.55
    hairline_m = 0.045 + rng.uniform(-0.01, 0.01) + 6.0 * x**2
    hair = head & ((y < hairline_m) | ((np.abs(x) > 0.066) & (y < 0.13)))
    picture[hair] = ambient_c + over_room_c * rng.uniform(0.35, 0.55)
    picture[_ellipse(x, y, (0.0, 0.138), (0.016, 0.026))] = eye_disc_c - rng.uniform(1.5, 3.0)
    picture[_ellipse(x, y, (0.0, 0.182), (0.025, 0.010))] = eye_disc_c + rng.uniform(-1.0, 0.6)

    cooler_eye_c = rng.uniform(0.0, 0.2)
    hotter_side = int(rng.choice([-1, 1]))
    for side in (-1, 1):
        eye = _ellipse(x, y, (side * EYE_X_M, EYE_Y_M), (0.020, 0.014))
        disc = _ellipse(x, y, (side * EYE_X_M, EYE_Y_M), (EYE_DISC_RADIUS_M, EYE_DISC_RADIUS_M))
        picture[eye] = eye_disc_c
        picture[_ellipse(x, y, (side * 0.017, EYE_Y_M), (0.004, 0.004))] = eye_disc_c + 0.65
        picture[eye] += eye_disc_c - picture[disc].mean() - (0.0 if side == hotter_side else cooler_eye_c)
    return picture.astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where the head is: in from the side at 1.5 m, straight up to the gate, stand, out to the side."""

    person: Person
    turns_s: float = field(init=False)
    stands_s: float = field(init=False)
    leaves_s: float = field(init=False)
    gone_s: float = field(init=False)

    def __post_init__(self) -> None:
        person = self.person
        turns_s = person.arrives_s + _out_of_view_m(ENTRY_DISTANCE_M) / person.pace_m_s
        stands_s = turns_s + (ENTRY_DISTANCE_M - person.distance_m) / person.pace_m_s
        leaves_s = stands_s + person.stands_s
        way_out_m = _out_of_view_m(person.distance_m) + abs(person.sideways_m)
        for name, value in {
            "turns_s": turns_s,
            "stands_s": stands_s,
            "leaves_s": leaves_s,
            "gone_s": leaves_s + way_out_m / person.pace_m_s,
        }.items():
            object.__setattr__(self, name, value)

    def at(self, t_s: float) -> tuple[float, float, float] | None:
        """Head centre (to the right, above the axis, distance), m; None when out of view."""
        person = self.person
        if not person.arrives_s < t_s < self.gone_s:
            return None
        right_m, distance_m = person.sideways_m, person.distance_m
        up_m = person.height_m + 0.002 * math.sin(2.1 * t_s)
        if t_s < self.stands_s:
            distance_m += person.pace_m_s * (self.stands_s - max(t_s, self.turns_s))
            right_m += person.enters_from * person.pace_m_s * max(0.0, self.turns_s - t_s)
            # A head bobs about 1 cm twice a stride.
            up_m += 0.005 * math.sin(2 * math.pi * 1.9 * (t_s - self.stands_s))
        elif t_s > self.leaves_s:
            right_m += person.leaves_to * person.pace_m_s * (t_s - self.leaves_s)
        return right_m, up_m, distance_m


def _out_of_view_m(distance_m: float) -> float:
    return distance_m * PITCH_X * COLUMNS / 2 + BODY_HALF_WIDTH_M


class Scene:
    """A room with a queue of people in it.

    ambient_c: room temperature, °C; the wall has a slow gradient of about ±0.4 K.
    reference: the black body in view, or None; objects: hot or cold rectangles on the wall.
    """

    def __init__(
        self,
        people: Sequence[Person],
        *,
        ambient_c: float = 23.0,
        reference: ReferenceSource | None = None,
        objects: Sequence[HotObject] = (),
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        self._walks = [_Walk(person) for person in people]
        self._pictures = [paint_person(person.eye_disc_c, ambient_c, rng) for person in people]
        self._ambient_c = ambient_c
        self._reference = reference
        self._objects = tuple(objects)
        across, down = np.linspace(-1, 1, COLUMNS * SUPERSAMPLE), np.linspace(-1, 1, ROWS * SUPERSAMPLE)
        slope_x, slope_y = rng.uniform(-0.3, 0.3, 2)
        self._wall = (ambient_c + slope_x * across[None, :] + slope_y * down[:, None]).astype(np.float32)
        # Centres of the subsamples, in metres for each metre of distance; right and down are positive.
        self._x = (np.arange(COLUMNS * SUPERSAMPLE) + 0.5) / SUPERSAMPLE * PITCH_X - COLUMNS / 2 * PITCH_X
        self._y = (np.arange(ROWS * SUPERSAMPLE) + 0.5) / SUPERSAMPLE * PITCH_Y - ROWS / 2 * PITCH_Y

    @property
    def truth(self) -> list[Truth]:
        """Who came when, and how warm they were."""
        return [
            Truth(
                walk.person.name,
                walk.person.arrives_s,
                walk.stands_s,
                walk.leaves_s,
                walk.gone_s,
                walk.person.oral_c,
                walk.person.eye_disc_c,
            )
            for walk in self._walks
        ]

    def temperatures(self, t_s: float) -> FloatArray:
        """The scene without noise, (24, 32) float64, °C, at scene time `t_s`; every edge mixed by area."""
        canvas = self._wall.copy()
        for thing in self._objects:
            if t_s >= thing.appears_s:
                _fill(canvas, thing.row, thing.column, thing.height_px, thing.width_px, thing.temperature_c)
        source = self._reference
        if source is not None and not source.covered_from_s <= t_s < source.covered_until_s:
            _fill(canvas, source.row, source.column, source.size_px, source.size_px, source.temperature_c)

        present = [
            (position, picture)
            for walk, picture in zip(self._walks, self._pictures, strict=True)
            if (position := walk.at(t_s)) is not None
        ]
        for position, picture in sorted(present, key=lambda item: -item[0][2]):
            self._put(canvas, picture, position)
        blocks = canvas.reshape(ROWS, SUPERSAMPLE, COLUMNS * SUPERSAMPLE).sum(axis=1)
        mean = blocks.reshape(ROWS, COLUMNS, SUPERSAMPLE).sum(axis=2) / SUPERSAMPLE**2
        return mean.astype(np.float64)

    def _put(self, canvas: Float32Array, picture: Float32Array, position: tuple[float, float, float]) -> None:
        right_m, up_m, distance_m = position
        down_m = self._y * distance_m + up_m + HEAD_HALF_HEIGHT_M
        across_m = self._x * distance_m - right_m + BODY_HALF_WIDTH_M
        top, bottom = np.searchsorted(down_m, (0.0, BODY_HEIGHT_M - TEXEL_M))
        left, right = np.searchsorted(across_m, (0.0, 2 * BODY_HALF_WIDTH_M - TEXEL_M))
        if top >= bottom or left >= right:
            return
        rows = (down_m[top:bottom] / TEXEL_M).astype(np.intp)
        columns = (across_m[left:right] / TEXEL_M).astype(np.intp)
        seen = picture[rows[:, None], columns[None, :]]
        np.copyto(canvas[top:bottom, left:right], seen, where=~np.isnan(seen))


def _fill(canvas: Float32Array, row: int, column: int, height_px: int, width_px: int, value_c: float) -> None:
    top, left = row * SUPERSAMPLE, column * SUPERSAMPLE
    canvas[top : top + height_px * SUPERSAMPLE, left : left + width_px * SUPERSAMPLE] = value_c
