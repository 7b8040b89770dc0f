"""`doumen tracks`: what the badges' positions say."""

import sys
from datetime import datetime
from pathlib import Path

import click

from doumen.cli.options import config_option, database_option, has_database, progress_bar, settings_of
from doumen.errors import StoreError
from doumen.store import Store
from doumen.tracks.geojson import write_geojson

_MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"])


@click.group()
def tracks() -> None:
    """Positions of badges."""


@tracks.command(
    epilog="\b\nExamples:\n  doumen tracks export bad0e00000000001 -o day.geojson --from 2026-08-05T06:00\n"
    "  doumen tracks export bad0e00000000001 | jq ."
)
@click.argument("device")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File. [default: standard output]"
)
@click.option("--from", "start", type=_MOMENT, metavar="TIME", help="Local time, as in 2026-08-05T06:00.")
@click.option("--to", "end", type=_MOMENT, metavar="TIME", help="Local time, as above or a date alone.")
@click.option(
    "--gap",
    default=120.0,
    show_default=True,
    type=click.FloatRange(0, 86_400),
    metavar="S",
    help="A longer silence, in seconds, ends a line.",
)
@database_option
@config_option
def export(
    device: str,
    output: Path | None,
    start: datetime | None,
    end: datetime | None,
    gap: float,
    database: str | None,
    config: Path | None,
) -> None:
    """Write the track of one badge (DEVICE, its id) as GeoJSON."""
    settings = settings_of(config, database)
    if not has_database(settings):
        raise StoreError(f"there is no {settings.database} here; `doumen sync` makes one, --db names another")
    with Store(settings.database) as store:
        if store.devices.get(device) is None:
            raise StoreError(f"no device {device} in this database; `doumen devices` lists those it knows")
        fixes = store.positionfixes.between(device, _ms(start), _ms(end))
        try:
            if output is None:
                write_geojson(sys.stdout, device, fixes, gap_ms=round(gap * 1000))
                sys.stdout.flush()
                return
            with output.open("w", encoding="utf-8") as file, progress_bar(quiet=False) as progress:
                shown = progress.track(
                    fixes, store.positionfixes.counts().get(device), description=output.name
                )
                count = write_geojson(file, device, shown, gap_ms=round(gap * 1000))
        except BrokenPipeError:
            raise  # whoever reads has enough
        except OSError as error:
            raise StoreError(f"{output or 'standard output'}: {error.strerror}; name another file") from error
    click.echo(f"{count} fixes written to {output}", err=True)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.astimezone().timestamp() * 1000)
