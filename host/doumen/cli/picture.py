"""A frame as a picture: in the terminal, two pixels a character, and as an image."""

import textwrap
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from doumen.errors import DoumenError
from doumen.thermal.palette import colours

if TYPE_CHECKING:
    from PIL import Image

Frame = NDArray[np.floating]

UPPER_HALF = "▀"
# For terminals without colours, and for pipes.
RAMP = " .:-=+*#%@"
UNKNOWN = "?"
# A flat scene shows its noise as noise, not as a fire.
_LEAST_SPAN_C = 4.0
_PNG_SCALE = 20
_CAPTION_WIDTH = 85
_BAR_HEIGHT, _MARGIN, _LINE = 14, 8, 18
_BACKGROUND, _FOREGROUND = (16, 16, 20), (235, 235, 235)


@dataclass(frozen=True, slots=True)
class Scale:
    """The temperatures, °C, of the darkest and of the brightest colour."""

    low_c: float
    high_c: float

    @classmethod
    def of(cls, frame_c: Frame) -> "Scale":
        """From the coldest to the hottest of a frame, 4 K at least."""
        known = frame_c[np.isfinite(frame_c)]
        if not known.size:
            return cls(20.0, 40.0)
        low, high = float(known.min()), float(known.max())
        more = max(0.0, _LEAST_SPAN_C - (high - low)) / 2
        return cls(low - more, high + more)


def print_frame(console: Console, frame_c: Frame, scale: Scale, zoom: int) -> None:
    """Print a frame and its scale; each of its pixels is `zoom` characters wide and half as many high."""
    if console.color_system is None:
        _print_plain(console, frame_c, scale)
        return
    enlarged = frame_c.repeat(zoom, axis=0).repeat(zoom, axis=1)
    rgb = colours(enlarged, scale.low_c, scale.high_c)
    for upper, lower in zip(rgb[::2], rgb[1::2], strict=True):
        console.print(_line(upper, lower), soft_wrap=True)
    bar = colours(np.linspace(0, 1, enlarged.shape[1])[np.newaxis], 0, 1)[0]
    console.print(_line(bar, bar), soft_wrap=True)
    console.print(_ends(scale, enlarged.shape[1]), soft_wrap=True)


def draw_frame(frame_c: Frame, scale: Scale, captions: Sequence[str], *, smooth: bool) -> "Image.Image":
    """A frame, its scale and some lines of text as an image, 640 pixels wide.

    smooth: temperatures between the pixels are interpolated (bicubic) before they are coloured.
    """
    # Here, because it takes longer to load than all other commands need to finish.
    from PIL import Image, ImageDraw, ImageFont

    rows, columns = frame_c.shape
    width, height = columns * _PNG_SCALE, rows * _PNG_SCALE
    known = np.isfinite(frame_c)
    filled = np.where(known, frame_c, frame_c[known].mean() if known.any() else 0).astype(np.float32)
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    enlarged = np.array(Image.fromarray(filled).resize((width, height), method))
    enlarged[~known.repeat(_PNG_SCALE, axis=0).repeat(_PNG_SCALE, axis=1)] = np.nan

    lines = [line for caption in captions for line in textwrap.wrap(caption, _CAPTION_WIDTH)]
    below = _MARGIN + _BAR_HEIGHT + _LINE * (1 + len(lines)) + _MARGIN
    sheet = Image.new("RGB", (width, height + below), _BACKGROUND)
    sheet.paste(Image.fromarray(colours(enlarged, scale.low_c, scale.high_c)), (0, 0))
    bar = np.broadcast_to(np.linspace(0, 1, width - 2 * _MARGIN), (_BAR_HEIGHT, width - 2 * _MARGIN))
    top = height + _MARGIN
    sheet.paste(Image.fromarray(colours(bar, 0, 1)), (_MARGIN, top))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    top += _BAR_HEIGHT + 2
    middle_c = (scale.low_c + scale.high_c) / 2
    for left, anchor, temperature_c in (
        (_MARGIN, "la", scale.low_c),
        (width // 2, "ma", middle_c),
        (width - _MARGIN, "ra", scale.high_c),
    ):
        draw.text((left, top), f"{temperature_c:.1f} °C", _FOREGROUND, font, anchor)
    for number, line in enumerate(lines, 1):
        draw.text((_MARGIN, top + number * _LINE), line, _FOREGROUND, font)
    return sheet


def save_picture(path: Path, picture: "Image.Image", kind: str = "PNG") -> None:
    """Write an image. Raises DoumenError if that is impossible."""
    with _named(path):
        picture.save(path, kind)


def save_animation(path: Path, pictures: Iterable["Image.Image"], kind: str, per_second: float) -> None:
    """Write images as one that moves, over and over. kind: GIF or WEBP. Raises DoumenError if that is impossible."""
    first, *others = pictures
    with _named(path):
        first.save(
            path, kind.upper(), save_all=True, append_images=others, duration=round(1000 / per_second), loop=0
        )


@contextmanager
def _named(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DoumenError(f"{path}: {error.strerror or error}; check the path and the disk") from error


def _line(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> Text:
    """Two rows of colours as one line of half blocks."""
    line = Text()
    for over, under in zip(upper.tolist(), lower.tolist(), strict=True):
        line.append(UPPER_HALF, Style(color=Color.from_rgb(*over), bgcolor=Color.from_rgb(*under)))
    return line


def _print_plain(console: Console, frame_c: Frame, scale: Scale) -> None:
    """Two equal characters a pixel, of ten densities."""
    place = _ramp_place(frame_c, scale)
    for row in place:
        console.print(
            "".join(2 * (UNKNOWN if each < 0 else RAMP[each]) for each in row.tolist()), soft_wrap=True
        )
    console.print(_ends(scale, 2 * frame_c.shape[1]), soft_wrap=True)


def _ramp_place(frame_c: Frame, scale: Scale) -> NDArray[np.intp]:
    """Where each temperature lies on the ramp of characters; -1 for NaN."""
    share = (np.nan_to_num(frame_c, nan=scale.low_c) - scale.low_c) / (scale.high_c - scale.low_c)
    place = np.clip(share * len(RAMP), 0, len(RAMP) - 1).astype(np.intp)
    return np.where(np.isfinite(frame_c), place, -1)


def _ends(scale: Scale, width: int) -> str:
    low, high = f"{scale.low_c:.1f} °C", f"{scale.high_c:.1f} °C"
    return low + high.rjust(width - len(low))
