"""`doumen sensor`: what is wrong with a thermal sensor, and what it sees."""

from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.text import Text

from doumen.cli.options import (
    config_option,
    database_option,
    has_database,
    json_option,
    print_json,
    settings_of,
)
from doumen.cli.picture import Scale, draw_frame, print_frame, save_picture
from doumen.cli.sensor_view import view_of
from doumen.cli.sensor_words import eeproms_of, halves_of
from doumen.errors import StoreError
from doumen.store import Store
from doumen.thermal.calibration import Calibration
from doumen.thermal.diagnosis import Diagnosis, Severity
from doumen.thermal.forensics import diagnose as diagnose_words

_STYLES = {Severity.FATAL: "bold red", Severity.WARNING: "bold yellow"}


@click.group()
def sensor() -> None:
    """What a thermal sensor holds and sees."""


@sensor.command(
    epilog="\b\nExamples:\n  doumen sensor diagnose /dev/ttyUSB0\n  doumen sensor diagnose dump.bin --json\n"
    "  xclip -o | doumen sensor diagnose -"
)
@click.argument("source", metavar="FILE|PORT")
@click.option("--known", metavar="FINGERPRINT", help="Fingerprint of the sensor that should be there.")
@json_option
def diagnose(source: str, known: str | None, as_json: bool) -> None:
    """Say whether an EEPROM was read right, and if not, what happened and what to do. Exit status 1 if not.

    FILE is a dump: binary in either byte order, or text, as it is pasted into forums (- is the standard input);
    or a recording. PORT is that of a gate.
    """
    reports: list[dict[str, object]] = []
    console = Console(highlight=False)
    is_usable = True
    for name, words in eeproms_of(source):
        diagnosis = diagnose_words(words, known=known)
        is_usable &= diagnosis.is_usable
        constants = _constants(Calibration.from_eeprom(words)) if diagnosis.is_usable else {}
        reports.append(_report(name, diagnosis, constants))
        if not as_json:
            _print_report(console, name, diagnosis, constants)
    if as_json:
        print_json({"ok": is_usable, "eeproms": reports})
    if not is_usable:
        raise SystemExit(1)


@sensor.command(
    epilog="\b\nExamples:\n  doumen sensor show /dev/ttyUSB0\n  doumen sensor show morning.dmr --at 12.5 --png face.png"
)
@click.argument("source", metavar="FILE|PORT")
@click.option(
    "--at", "at_s", default=0.0, metavar="SECONDS", help="Where in a recording. [default: its start]"
)
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture there, too.")
@click.option("--pixels", is_flag=True, help="Do not smooth the PNG.")
@click.option(
    "--range", "limits_c", nargs=2, type=float, metavar="LOW HIGH", help="Colours from LOW to HIGH °C."
)
@click.option("--zoom", type=click.IntRange(1, 8), help="Characters a pixel. [default: what fits]")
@click.option(
    "--emissivity",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0.01, 1.0),
    help="Of what is seen; skin 0.98.",
)
@json_option
def show(
    source: str,
    at_s: float,
    png: Path | None,
    pixels: bool,
    limits_c: tuple[float, float] | None,
    zoom: int | None,
    emissivity: float,
    as_json: bool,
) -> None:
    """Show a frame of a recording (.dmr) or of a gate as a picture, with its temperatures and bad pixels."""
    if limits_c is not None and limits_c[0] >= limits_c[1]:
        raise click.UsageError("--range wants the lower temperature first")
    view = view_of(*halves_of(source, at_s), emissivity)
    scale = Scale.of(view.frame_c) if limits_c is None else Scale(*limits_c)
    if png is not None:
        save_picture(png, draw_frame(view.frame_c, scale, view.captions(), smooth=not pixels))
    if as_json:
        print_json(view.as_json())
        return
    console = Console(highlight=False)
    rows, columns = view.frame_c.shape
    fits = min(console.width // columns, 2 * (console.height - 6) // rows, 3)
    print_frame(console, view.frame_c, scale, zoom or max(1, fits))
    for caption in view.captions():
        console.print(caption, soft_wrap=True)


@sensor.command(epilog="\b\nExamples:\n  doumen sensor accept d0e0000000000001")
@click.argument("device")
@database_option
@config_option
@json_option
def accept(device: str, database: str | None, config: Path | None, as_json: bool) -> None:
    """Forget which sensor the gate DEVICE (its id) had; the next one it shows is taken for its own.

    `serve` refuses a sensor whose EEPROM is no longer what was stored for it. If the stored one was wrong, this helps.
    """
    settings = settings_of(config, database)
    known = None
    if has_database(settings):
        with Store(settings.database) as store:
            known = store.devices.get(device)
            if known is not None:
                store.devices.has_sensor(device, None)
    if known is None:
        raise StoreError(f"no device {device} in {settings.database}; `doumen devices` lists those it knows")
    if as_json:
        print_json({"device": device, "forgotten": known.sensor})
    else:
        click.echo(f"{device}: the sensor {known.sensor or '(none stored)'} is forgotten")


def _report(name: str, diagnosis: Diagnosis, constants: dict[str, object]) -> dict[str, object]:
    return {
        "source": name,
        "ok": diagnosis.is_usable,
        "fingerprint": diagnosis.fingerprint,
        "findings": [
            {
                "name": finding.pattern.value,
                "severity": finding.severity.value,
                "what": finding.what,
                "to_do": finding.to_do,
            }
            for finding in diagnosis.findings
        ],
        "constants": constants,
    }


def _print_report(console: Console, name: str, diagnosis: Diagnosis, constants: dict[str, object]) -> None:
    verdict = ("sound", "bold green") if diagnosis.is_usable else ("not usable", "bold red")
    console.print(Text.assemble((name, "bold"), ": ", verdict), soft_wrap=True)
    for finding in diagnosis.findings:
        style = _STYLES[finding.severity]
        console.print(
            Text.assemble("  ", (finding.pattern.value, style), f"  {finding.what}."), soft_wrap=True
        )
        console.print(f"    What to do: {finding.to_do}.", soft_wrap=True, markup=False)
    console.print(f"  {'fingerprint':<18} {diagnosis.fingerprint}", soft_wrap=True)
    for key, value in constants.items():
        shown = str(value).strip("[]").replace("'", "")
        console.print(f"  {key.replace('_', ' '):<18} {shown}", soft_wrap=True, markup=False)


def _constants(calibration: Calibration) -> dict[str, object]:
    """What an expert looks at first."""
    bad = np.argwhere(calibration.broken | calibration.outlier).tolist()
    return {
        "gain": calibration.gain,
        "resolution_bits": 16 + calibration.resolution,
        "vdd_25": calibration.vdd_25,
        "k_vdd": calibration.k_vdd,
        "v_ptat_25": calibration.v_ptat_25,
        "kt_ptat": calibration.kt_ptat,
        "tgc": calibration.tgc,
        "ks_ta": calibration.ks_ta,
        "ks_to": list(calibration.ks_to),
        "corner_c": list(calibration.corner_c),
        "offset": [float(calibration.offset.min()), float(calibration.offset.max())],
        "alpha": [float(f"{each:.4g}") for each in (calibration.alpha.min(), calibration.alpha.max())],
        "pattern": "chess" if calibration.chess_calibrated else "interleaved",
        "bad_pixels": [f"({row}, {column})" for row, column in bad] or "none",
    }
