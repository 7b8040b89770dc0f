"""`doumen record` and `doumen replay`: raw words of a gate to a file, and back through the same pipeline."""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from doumen.cli.news import tell, tell_json
from doumen.cli.options import config_option, json_option, print_json, progress_bar, run_async, settings_of
from doumen.client import Client, Identity
from doumen.config import Settings
from doumen.errors import LinkError, LinkLost, RecordingError
from doumen.model import Reason
from doumen.pipeline import GatePipeline
from doumen.recording import Recording, RecordingWriter
from doumen.screening.events import Event, PassageEnded
from doumen.service import DeviceState, News, Saw, system_clock_ms
from doumen.sources import I2cSensor, open_device

_SILENT_S = 1.0


@click.command(
    short_help="Write a gate's raw sensor words to a file.",
    epilog="\b\nExamples:\n  doumen record /dev/ttyUSB0 morning.dmr --seconds 60",
)
@click.argument("port")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.1, 86_400),
    metavar="S",
    help="How long.",
)
@json_option
def record(port: str, file: Path, seconds: float, as_json: bool) -> None:
    """Write a gate's raw sensor words to FILE (.dmr); an existing recording of the same gate is continued.

    Raw words can be calibrated again at any time. They show people: keep them as you would keep photographs.
    """
    try:
        facts = run_async(_record(port, file, seconds, quiet=as_json))
    except KeyboardInterrupt:
        if file.exists():
            click.echo(f"stopped; what came before is whole in {file}", err=True)
        raise
    if as_json:
        print_json(facts)
    else:
        click.echo("{subpages} subpages written to {file}, {lost} lost on the way".format(**facts))


async def _record(port: str, file: Path, seconds: float, *, quiet: bool) -> dict[str, object]:
    async with await open_device(port) as client:
        if client.identity.role != "gate":
            raise RecordingError(
                f"{port}: a {client.identity.role} has no thermal sensor; name a gate's port"
            )
        eeprom = await client.eeprom()
        identity = client.identity
        with RecordingWriter(
            file, identity.device_id, eeprom, identity.firmware, time_ms=system_clock_ms()
        ) as writer:
            try:
                count = await _copy(client, writer, seconds, quiet)
            except LinkError as error:
                raise LinkLost(
                    f"{error}; what came before is whole in {file}, record again to go on"
                ) from error
        return {"file": str(file), "subpages": count, "lost": client.counts.lost + client.counts.overtaken}


async def _copy(client: Client | I2cSensor, writer: RecordingWriter, seconds: float, quiet: bool) -> int:
    count = 0
    await client.stream(True)
    with progress_bar(quiet=quiet) as progress:
        task = progress.add_task("recording", total=seconds)
        start_s = asked_s = time.monotonic()
        while (now_s := time.monotonic()) - start_s < seconds:
            if now_s - asked_s > 1:
                asked_s = now_s
                await client.status()  # a gate that hears nothing goes out of service
            try:
                subpage = await client.subpage(_SILENT_S)
            except TimeoutError:
                await client.stream(True)
                continue
            await asyncio.to_thread(
                writer.append, system_clock_ms(), subpage.ticks_ms, subpage.sequence, subpage.words
            )
            count += 1
            progress.update(task, completed=now_s - start_s)
    return count


@click.command(
    short_help="Send a recording through the screening again.",
    epilog="\b\nExamples:\n  doumen replay morning.dmr\n  doumen replay morning.dmr --json --speed 1",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--speed",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="X",
    help="1 is as it was; 0 is as fast as it goes.",
)
@config_option
@json_option
def replay(file: Path, speed: float, config: Path | None, as_json: bool) -> None:
    """Send a recording through calibration and screening once more, and say what happened."""
    recording = Recording.open(file)
    settings = settings_of(config, None)
    console = Console(highlight=False)
    started_s = time.monotonic()
    say = tell_json if as_json else partial(tell, console)
    with progress_bar(quiet=as_json) as progress:
        task = progress.add_task(file.name, total=len(recording))
        passages = _replay(recording, settings, speed, file, say, lambda: progress.advance(task))
    facts: dict[str, object] = {
        "file": str(file),
        "device": recording.device_id,
        "subpages": len(recording),
        "damaged": recording.damaged,
        "passages": passages,
        "seconds": round(time.monotonic() - started_s, 3),
    }
    if as_json:
        print_json(facts | {"event": "replayed"})
    else:
        console.print(
            "{subpages} subpages, {damaged} damaged, {passages} passages in {seconds} s".format(**facts)
        )


def _replay(
    recording: Recording,
    settings: Settings,
    speed: float,
    file: Path,
    say: Callable[[News], None],
    advance: Callable[[], None],
) -> int:
    identity = Identity(recording.device_id, "gate", recording.firmware, 0, 0)
    device = DeviceState(f"replay:{file}", identity)
    baseline: tuple[float, ...] = ()
    passages = 0
    for segment in recording.segments:
        pipeline = GatePipeline(segment.eeprom, settings, baseline)
        previous_ms: int | None = None
        first_ms = int(segment.ticks_ms[0]) if len(segment.ticks_ms) else 0
        for words, t_ms, ticks_ms in zip(
            segment.subpages, segment.time_ms.tolist(), segment.ticks_ms.tolist(), strict=True
        ):
            if speed > 0 and previous_ms is not None:
                time.sleep(max(0, t_ms - previous_ms) / 1000 / speed)
            previous_ms = t_ms
            # The gate's own clock tells how long it had been on: it begins at 0 with the power.
            warm = ticks_ms >= settings.gate.warm_up_s * 1000 or first_ms > ticks_ms
            events = pipeline.feed(t_ms, words, () if warm else (Reason.WARMING_UP,))
            passages += _say(device, events, say)
            advance()
        passages += _say(device, pipeline.finish(), say)
        baseline = pipeline.screener.baseline_c
    return passages


def _say(device: DeviceState, events: Iterable[Event], say: Callable[[News], None]) -> int:
    """Tell the events; how many passages ended among them."""
    ended = 0
    for event in events:
        say(Saw(device, event))
        ended += isinstance(event, PassageEnded)
    return ended
