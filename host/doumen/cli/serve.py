"""`doumen serve`: attend to devices until stopped."""

from functools import partial
from pathlib import Path

import click
from rich.console import Console
from serial.tools import list_ports

from doumen.cli.news import tell, tell_json
from doumen.cli.options import config_option, database_option, json_option, run_async, settings_of
from doumen.errors import LinkNotFound
from doumen.service import Service
from doumen.store import Store


def usb_ports() -> list[str]:
    """The serial ports of this computer that are USB."""
    return [port.device for port in list_ports.comports() if port.vid is not None]


@click.command(
    short_help="Watch gates and take over fixes until stopped.",
    epilog="\b\nExamples:\n  doumen serve\n  doumen serve /dev/ttyUSB0 /dev/ttyACM0 --json",
)
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@click.option(
    "--sync-every",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.1, 86_400),
    metavar="S",
    help="Ask badges for fixes every so many seconds.",
)
@database_option
@config_option
@json_option
def serve(
    ports: tuple[str, ...], sync_every: float, database: str | None, config: Path | None, as_json: bool
) -> None:
    """Watch gates and take over badges' fixes until stopped (Ctrl-C).

    PORT is a serial port or any URL that pyserial knows; without one, all USB serial ports. Devices that go away
    are looked for again.
    """
    settings = settings_of(config, database)
    urls = list(dict.fromkeys(ports)) or usb_ports()
    if not urls:
        raise LinkNotFound("no USB serial port here; plug a device in, or name its port")
    console = Console(highlight=False)
    with Store(settings.database) as store:
        service = Service(
            settings, store, tell_json if as_json else partial(tell, console), sync_every_s=sync_every
        )

        async def attend() -> None:
            # Said here and not before: from now on Ctrl-C ends it in order.
            if not as_json:
                where = f"Attending to {', '.join(urls)}; storing in {store.name}."
                console.print(f"{where} Ctrl-C stops.", soft_wrap=True)
            await service.run(urls)

        run_async(attend())
