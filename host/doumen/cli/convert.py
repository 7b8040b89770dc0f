"""`doumen convert`: a recording in the form that another program reads."""

import csv
import lzma
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from doumen.cli.options import config_option, json_option, print_json, progress_bar, settings_of
from doumen.cli.picture import Scale, draw_frame, save_animation, save_picture
from doumen.errors import RecordingError
from doumen.recording import Recording, Segment
from doumen.thermal.calibration import Calibration
from doumen.thermal.pixels import merge, repair
from doumen.thermal.temperature import ambient_c, object_c, supply_v

_BLOCK = 512
_PACKED = ".xz"
_PICTURES_A_SECOND = 8

Progressed = Callable[[int], None]


@click.command(
    short_help="A recording as an archive, CSV, NPZ, PNG or moving picture.",
    epilog="\b\nExamples:\n  doumen convert day.dmr day.dmr.xz\n  doumen convert day.dmr.xz day.dmr\n"
    "  doumen convert day.dmr day.npz\n  doumen convert day.dmr face.png --at 12.5\n  doumen convert day.dmr day.gif",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--at", default=0.0, show_default=True, metavar="S", help="For a PNG: seconds from the beginning."
)
@config_option
@json_option
def convert(file: Path, output: Path, at: float, config: Path | None, as_json: bool) -> None:
    """Write the recording FILE to OUTPUT, whose ending says how.

    \b
    .dmr.xz     the same words, compressed; convert it back the same way
    .npz        words and temperatures as numpy arrays, one set for each start of the gate
    .csv        a row a subpage: times, Ta, Vdd, 768 temperatures of the frame in °C
    .png        one frame
    .gif .webp  a moving picture, eight frames a second of recording

    Temperatures are made anew with this version's calibration and the configured emissivity.
    """
    emissivity = settings_of(config, None).gate.emissivity
    ending = output.suffix.lower()
    with _finished_or_gone(output) as partial:
        if ending == _PACKED or file.suffix.lower() == _PACKED:
            count = _repack(file, partial)
        else:
            recording = Recording.open(file)
            with progress_bar(quiet=as_json) as progress:
                task = progress.add_task(output.name, total=len(recording))

                def progressed(done: int) -> None:
                    progress.update(task, advance=done)

                count = _write(recording, partial, ending, at, emissivity, progressed)
    if as_json:
        print_json(
            {"file": str(file), "output": str(output), "images": count, "bytes": output.stat().st_size}
        )
    else:
        click.echo(
            f"{count} {'image' if count == 1 else 'images'} written to {output}, {output.stat().st_size} bytes"
        )


def _write(
    recording: Recording, output: Path, ending: str, at: float, emissivity: float, progressed: Progressed
) -> int:
    """Write it as its ending says; how many subpages, or pictures, that were."""
    if ending == ".npz":
        np.savez_compressed(output, allow_pickle=False, **_arrays(recording, emissivity, progressed))
        return len(recording)
    if ending == ".csv":
        _write_csv(recording, output, emissivity, progressed)
        return len(recording)
    if ending == ".png":
        frame_c, caption = _frame_at(recording, at, emissivity)
        save_picture(output, draw_frame(frame_c, Scale.of(frame_c), [caption], smooth=False), "PNG")
        return 1
    if ending in (".gif", ".webp"):
        frames = [frame_c for frame_c, _ in _moving(recording, emissivity, progressed)]
        if not frames:
            raise RecordingError("there is no full frame in it; a moving picture needs two subpages at least")
        scale = Scale.of(np.stack(frames))
        pictures = (draw_frame(frame_c, scale, [], smooth=True) for frame_c in frames)
        save_animation(output, pictures, ending[1:], _PICTURES_A_SECOND)
        return len(frames)
    raise RecordingError(f"{ending or 'no ending'}: not known; .dmr.xz, .npz, .csv, .png, .gif and .webp are")


def _blocks(segment: Segment, emissivity: float) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Images (n, 24, 32) of some subpages at a time, °C, NaN where unmeasured."""
    calibration = Calibration.from_eeprom(segment.eeprom)
    bad = calibration.broken | calibration.outlier
    for first in range(0, len(segment.subpages), _BLOCK):
        rows = slice(first, min(first + _BLOCK, len(segment.subpages)))
        images_c = object_c(calibration, segment.subpages[rows], emissivity=emissivity)
        yield rows, repair(images_c, bad).astype(np.float32, copy=False)


def _frames(segment: Segment, emissivity: float) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """(number of the subpage, the full frame after it); a frame is made of two subpages."""
    before: NDArray[np.float32] | None = None
    for rows, images_c in _blocks(segment, emissivity):
        for i, image_c in enumerate(images_c, rows.start):
            if before is not None:
                yield i, merge(before, image_c)
            before = image_c


def _moving(
    recording: Recording, emissivity: float, progressed: Progressed
) -> Iterator[tuple[NDArray[np.floating], int]]:
    """(frame, time in ms), at most eight a second of recorded time."""
    step_ms = 1000 // _PICTURES_A_SECOND
    for segment in recording.segments:
        next_ms: int | None = None
        for i, frame_c in _frames(segment, emissivity):
            progressed(1)
            time_ms = int(segment.ticks_ms[i])
            if next_ms is None or time_ms >= next_ms or time_ms < next_ms - 10 * step_ms:
                next_ms = time_ms + step_ms
                yield frame_c, time_ms


def _frame_at(recording: Recording, at: float, emissivity: float) -> tuple[NDArray[np.floating], str]:
    found: tuple[NDArray[np.floating], str] | None = None
    start_ms = int(recording.time_ms[0]) if len(recording) else 0
    for segment in recording.segments:
        for i, frame_c in _frames(segment, emissivity):
            seconds = (int(segment.time_ms[i]) - start_ms) / 1000
            found = frame_c, f"{recording.device_id}   {seconds:.2f} s"
            if seconds >= at:
                return found
    if found is None:
        raise RecordingError("there is no full frame in it; a picture needs two subpages at least")
    raise RecordingError(f"it is shorter than {at} s; --at counts from its beginning")


def _arrays(recording: Recording, emissivity: float, progressed: Progressed) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for number, segment in enumerate(recording.segments):
        images_c = np.empty((len(segment.subpages), 24, 32), np.float32)
        for rows, block_c in _blocks(segment, emissivity):
            images_c[rows] = block_c
            progressed(len(block_c))
        for name in ("eeprom", "subpages", "time_ms", "ticks_ms", "sequence"):
            arrays[f"{name}_{number}"] = np.asarray(getattr(segment, name))
        arrays[f"object_c_{number}"] = images_c
    return arrays


def _write_csv(recording: Recording, output: Path, emissivity: float, progressed: Progressed) -> None:
    with output.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        pixels = [f"r{row:02}c{column:02}_c" for row in range(24) for column in range(32)]
        table.writerow(["time_ms", "ticks_ms", "sequence", "ambient_c", "supply_v", *pixels])
        for segment in recording.segments:
            calibration = Calibration.from_eeprom(segment.eeprom)
            ambient, supply = (
                ambient_c(calibration, segment.subpages),
                supply_v(calibration, segment.subpages),
            )
            for i, frame_c in _frames(segment, emissivity):
                head = [int(segment.time_ms[i]), int(segment.ticks_ms[i]), int(segment.sequence[i])]
                cells = ["" if np.isnan(c) else f"{c:.2f}" for c in frame_c.ravel().tolist()]
                table.writerow([*head, f"{ambient[i]:.2f}", f"{supply[i]:.3f}", *cells])
                progressed(1)


def _repack(file: Path, output: Path) -> int:
    """Compress or decompress the recording; how many subpages it holds."""
    try:
        if file.suffix.lower() == _PACKED:
            with lzma.open(file, "rb") as source, output.open("wb") as target:
                shutil.copyfileobj(source, target)
            return len(Recording.open(output))
        count = len(Recording.open(file))
        with file.open("rb") as source, lzma.open(output, "wb", preset=6) as target:
            shutil.copyfileobj(source, target)
    except lzma.LZMAError as error:
        raise RecordingError(f"{file}: not an .xz file ({error})") from error
    except OSError as error:
        raise RecordingError(f"{error.filename or file}: {error.strerror}; name another file") from error
    return count


@contextmanager
def _finished_or_gone(output: Path) -> Generator[Path]:
    """A name to write to; the output appears under its own name when it is whole, and not at all otherwise."""
    partial = output.with_name(f".{output.name}.partial{output.suffix}")
    try:
        yield partial
        partial.replace(output)
    except OSError as error:
        raise RecordingError(f"{output}: {error.strerror}; name another file") from error
    finally:
        partial.unlink(missing_ok=True)
