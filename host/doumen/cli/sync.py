"""`doumen sync`: take over what badges have logged, once."""

from pathlib import Path

import click

from doumen.cli.news import complain
from doumen.cli.options import (
    config_option,
    database_option,
    json_option,
    print_json,
    progress_bar,
    run_async,
    settings_of,
)
from doumen.client import connect
from doumen.errors import DeviceRefused, LinkError, StoreConflict
from doumen.service import system_clock_ms
from doumen.store import Ingested, Store


@click.command(
    short_help="Take over what badges have logged, once.",
    epilog="\b\nExamples:\n  doumen sync /dev/ttyUSB0\n  doumen sync /dev/ttyUSB0 /dev/ttyUSB1 --json",
)
@click.argument("ports", nargs=-1, required=True, metavar="PORT...")
@database_option
@config_option
@json_option
def sync(ports: tuple[str, ...], database: str | None, config: Path | None, as_json: bool) -> None:
    """Take over everything that the badges at these ports have logged.

    A badge forgets what is stored here. Being cut off costs nothing: sync again.
    """
    with Store(settings_of(config, database).database) as store:
        rows: list[dict[str, object]] = []
        errors: list[LinkError | DeviceRefused | StoreConflict] = []
        for port in ports:
            try:
                rows.append(run_async(_sync(port, store, quiet=as_json)))
            except (
                LinkError,
                DeviceRefused,
                StoreConflict,
            ) as error:  # one badge that is away keeps no other waiting
                errors.append(error)
    if as_json and rows:
        print_json(rows)
    for error in errors[:-1]:
        complain(str(error))
    if errors:
        raise errors[-1]


async def _sync(port: str, store: Store, *, quiet: bool) -> dict[str, object]:
    async with await connect(port) as client:
        identity = client.identity
        if identity.role != "badge":
            raise LinkError(f"{port}: a {identity.role} logs no positions; name a badge's port")
        now_ms = system_clock_ms()
        await client.set_time(now_ms)
        store.devices.seen(identity.device_id, now_ms, identity.role, identity.firmware)
        with progress_bar(quiet=quiet) as progress:
            task = progress.add_task(f"badge {identity.device_id[-4:]}", total=None)
            first: list[int] = []

            def show(cursor: int, end: int, _total: Ingested) -> None:
                first.append(cursor)
                progress.update(task, completed=cursor - first[0], total=max(end - first[0], 1))

            done = await client.sync(store, show)
    if not quiet:
        click.echo(
            f"badge {identity.device_id}: {done.stored} fixes stored, {done.duplicated} were here already"
        )
    return {"port": port, "device": identity.device_id, "stored": done.stored, "duplicated": done.duplicated}
