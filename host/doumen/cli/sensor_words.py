"""Raw words of a sensor from wherever a command is told to take them: a dump, a recording, a gate."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from doumen.cli.options import run_async
from doumen.client import Client, Subpage
from doumen.errors import CalibrationError, LinkError, RecordingError
from doumen.recording import SUFFIX, Recording
from doumen.sources import I2cSensor, open_device
from doumen.thermal.conditions import SUBPAGE_WORD
from doumen.thermal.dumps import parse_dump

Words = NDArray[np.uint16]

_PATIENCE_S = 6.0
_TICKS_PERIOD = 1 << 30


def eeproms_of(source: str) -> Iterator[tuple[str, Words]]:
    """Every different EEPROM of a source, with its name."""
    if source == "-":
        yield "standard input", _dump("standard input", sys.stdin.buffer.read())
    elif not Path(source).is_file():
        yield source, run_async(_eeprom_at(source))
    elif (recording := _recording(Path(source))) is None:
        yield source, _dump(source, _contents(Path(source)))
    else:
        different = {segment.eeprom.tobytes(): segment.eeprom for segment in recording.segments}
        for number, words in enumerate(different.values(), 1):
            yield source if len(different) == 1 else f"{source}, sensor {number}", words


def halves_of(source: str, at_s: float) -> tuple[Words, Words]:
    """An EEPROM, (832,), and two subpages of it that make a frame, (2, 834).

    at_s: of a recording, the frame is the first that was complete so many seconds after the start.
    """
    path = Path(source)
    if not path.is_file():
        return run_async(_halves_at(source))
    recording = _recording(path)
    if recording is None:
        raise RecordingError(f"{path} is not a recording of a gate; give a {SUFFIX} file or a gate's port")
    # The gate's clock is always there, the host's may not be.
    passed_ms = 0
    for segment in recording.segments:
        steps_ms = np.diff(segment.ticks_ms.astype(np.int64)) % _TICKS_PERIOD
        for index, end_ms in enumerate((passed_ms + np.cumsum(steps_ms)).tolist()):
            halves = segment.subpages[index : index + 2]
            if end_ms >= at_s * 1000 and _is_frame(halves):
                return segment.eeprom, halves
        passed_ms += int(steps_ms.sum())
    raise RecordingError(
        f"{path} has no whole frame after {at_s:g} s; it is {passed_ms / 1000:.1f} s long, give an earlier --at"
    )


def _dump(name: str, data: bytes) -> Words:
    try:
        return parse_dump(data)
    except CalibrationError as error:
        raise CalibrationError(f"{name}: {error}") from error


def _is_frame(halves: Words) -> bool:
    return sorted(halves[:, SUBPAGE_WORD].tolist()) == [0, 1]


def _recording(path: Path) -> Recording | None:
    """The recording in a file, or None if it holds something else."""
    if path.suffix != SUFFIX and not _contents(path, 8).startswith(b"\x89DMR"):
        return None
    return Recording.open(path)


def _contents(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}; check the path") from error


async def _eeprom_at(port: str) -> Words:
    async with await open_device(port) as client:
        return await _own_eeprom(client, port)


async def _halves_at(port: str) -> tuple[Words, Words]:
    async with await open_device(port) as client:
        eeprom = await _own_eeprom(client, port)
        await client.stream(True)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                older: Subpage = await client.subpage(_PATIENCE_S)
                while True:
                    newer = await client.subpage(_PATIENCE_S)
                    halves = np.stack([older.words, newer.words])
                    if _is_frame(halves):
                        return eeprom, halves
                    older = newer
        except TimeoutError:
            raise LinkError(f"{port}: the gate sends no pictures; is its thermal sensor connected?") from None
        finally:
            await client.stream(False)


async def _own_eeprom(client: Client | I2cSensor, port: str) -> Words:
    if client.identity.role != "gate":
        raise CalibrationError(
            f"{port}: a {client.identity.role} has no thermal sensor; name a gate's port or a file"
        )
    return await client.eeprom()
