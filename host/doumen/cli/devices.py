"""`doumen devices`: which devices are known, plugged in, and how they are."""

import asyncio
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from serial.tools import list_ports

from doumen.cli.news import complain
from doumen.cli.options import (
    config_option,
    database_option,
    has_database,
    json_option,
    print_json,
    run_async,
    settings_of,
)
from doumen.config import Settings
from doumen.errors import DoumenError
from doumen.sources import open_device
from doumen.store import Store


@click.command(
    short_help="List known devices, or ask those at a port.",
    epilog="\b\nExamples:\n  doumen devices\n  doumen devices --ports\n  doumen devices /dev/ttyUSB0 --json",
)
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@click.option("--ports", "list_only", is_flag=True, help="List this computer's serial ports.")
@database_option
@config_option
@json_option
def devices(
    ports: tuple[str, ...], list_only: bool, database: str | None, config: Path | None, as_json: bool
) -> None:
    """List the devices of the database; or ask those at PORT who they are and how they do."""
    if list_only:
        _show(
            as_json,
            "no serial port here; plug a device in",
            [_port(port) for port in sorted(list_ports.comports())],
        )
    elif ports:
        answers = run_async(_ask_all(ports))
        rows = [answer for answer in answers if isinstance(answer, dict)]
        errors = [answer for answer in answers if isinstance(answer, DoumenError)]
        if rows:
            _show(as_json, "", rows)
        for error in errors[:-1]:
            complain(str(error))
        if errors:
            raise errors[-1]
    else:
        settings = settings_of(config, database)
        known = _known(settings) if has_database(settings) else []
        _show(
            as_json,
            "this database knows no device yet; `doumen serve PORT` or `doumen sync PORT` meets some",
            known,
        )


def _known(settings: Settings) -> list[dict[str, object]]:
    with Store(settings.database) as store:
        counts = store.positionfixes.counts()
        return [
            {
                "device": device.device_id,
                "role": device.role,
                "firmware": device.firmware,
                "last_seen": _local(device.last_seen_ms),
                "fixes": counts.get(device.device_id, 0),
                "passages": sum(store.passages.counts(device.device_id).values()),
            }
            for device in store.devices.all()
        ]


async def _ask_all(ports: tuple[str, ...]) -> list[dict[str, object] | DoumenError]:
    """The answers, or what went wrong, in the order of the ports: one that is dead hides no other."""
    return await asyncio.gather(*(_ask(port) for port in ports))


async def _ask(port: str) -> dict[str, object] | DoumenError:
    try:
        async with await open_device(port) as client:
            identity = client.identity
            status = await client.status()
    except DoumenError as error:
        return error if port in str(error) else DoumenError(f"{port}: {error}")
    return {
        "port": port,
        "device": identity.device_id,
        "role": identity.role,
        "firmware": identity.firmware,
        "sealed": False,
        **{name: value for name, value in status.items() if name != "role"},
    }


def _port(port: object) -> dict[str, object]:
    return {
        "port": getattr(port, "device", ""),
        "what": getattr(port, "description", ""),
        "usb": None
        if getattr(port, "vid", None) is None
        else f"{getattr(port, 'vid', 0):04x}:{getattr(port, 'pid', 0):04x}",
    }


def _local(time_ms: int | None) -> str | None:
    return (
        None
        if time_ms is None
        else datetime.fromtimestamp(time_ms / 1000).astimezone().isoformat(" ", "seconds")
    )


def _show(as_json: bool, nothing: str, rows: list[dict[str, object]]) -> None:
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(nothing, err=True)
        return
    console = Console(highlight=False)
    if len(rows[0]) > 8:  # a status: one line a fact reads better than a wide table
        for row in rows:
            for name, value in row.items():
                console.print(f"{name:>14}  {value}")
        return
    table = Table(*rows[0].keys(), box=None, header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
