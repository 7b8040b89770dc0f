"""Temperatures as colours: an iron-like map whose lightness only rises.

Hot metal goes from black over violet, red and orange to white. Between these anchors colours are mixed in CIE L*a*b*,
and lightness L* grows in equal steps from the coldest to the hottest: a kelvin looks the same everywhere, and in a
black-and-white print, or to the colour-blind, hotter is still brighter.
"""

import numpy as np
from numpy.typing import NDArray

STEPS = 256
# Nothing measured here: a colour that the map does not have.
NOTHING = (0, 110, 105)

# sRGB, coldest first.
_ANCHORS = (
    (6, 4, 14),
    (20, 7, 45),
    (45, 10, 92),
    (112, 14, 132),
    (184, 38, 112),
    (226, 86, 58),
    (246, 150, 26),
    (253, 212, 72),
    (255, 252, 232),
)
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27

Floats = NDArray[np.floating]
Reals = NDArray[np.float64]
Colours = NDArray[np.uint8]


def colours(image_c: Floats, low_c: float, high_c: float) -> Colours:
    """The colour of every temperature.

    image_c: any shape, °C; low_c and below is the darkest colour, high_c and above the brightest, NaN is NOTHING.
    Returns uint8, (..., 3), red, green, blue.
    """
    known = np.isfinite(image_c)
    span = max(high_c - low_c, 1e-9)
    place = np.clip((np.where(known, image_c, low_c) - low_c) / span, 0, 1)
    table = np.rint(place * (STEPS - 1)).astype(np.intp)
    return np.where(known[..., np.newaxis], PALETTE[table], np.array(NOTHING, np.uint8))


def lightness(colour: Colours) -> Reals:
    """CIE L*, 0..100, of (..., 3) sRGB colours."""
    return _to_lab(colour)[..., 0]


def _to_lab(colour: NDArray[np.uint8]) -> Reals:
    level: Reals = colour.astype(np.float64) / 255
    linear: Reals = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    ratio: Reals = linear @ _TO_XYZ.T / _WHITE
    root: Reals = np.where(ratio > _EPSILON, ratio ** (1 / 3), (_KAPPA * ratio + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _from_lab(lab: Reals) -> NDArray[np.uint8]:
    y = (lab[..., 0] + 16) / 116
    root = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    ratio: Reals = np.where(root**3 > _EPSILON, root**3, (116 * root - 16) / _KAPPA)
    linear: Reals = np.clip(ratio * _WHITE @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    level: Reals = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * level).astype(np.uint8)


def _make_palette() -> NDArray[np.uint8]:
    anchors = _to_lab(np.array(_ANCHORS, np.uint8))
    darkest, brightest = float(anchors[0, 0]), float(anchors[-1, 0])
    light = np.linspace(darkest, brightest, STEPS)
    hue = [np.interp(light, anchors[:, 0], anchors[:, axis]) for axis in (1, 2)]
    return _from_lab(np.stack([light, *hue], axis=-1))


PALETTE = _make_palette()
