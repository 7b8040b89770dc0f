"""The command line: names the commands, and turns what goes wrong into one line."""

from collections.abc import Sequence

import click

import doumen
from doumen.cli.convert import convert
from doumen.cli.demo import demo
from doumen.cli.devices import devices
from doumen.cli.recordings import record, replay
from doumen.cli.sensor import sensor
from doumen.cli.serve import serve
from doumen.cli.sync import sync
from doumen.cli.tracks import tracks
from doumen.errors import DoumenError

_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(doumen.__version__, prog_name="doumen")
def cli() -> None:
    """Doumen: a temperature gate and a BeiDou badge, and the host that calibrates, decides and stores.

    \b
    Without any hardware:   doumen demo
    With a device plugged in:
      doumen devices --ports            which ports there are
      doumen devices /dev/ttyUSB0       who is there
      doumen serve /dev/ttyUSB0         watch and answer until stopped
    """


for command in (demo, serve, devices, sync, record, replay, convert, tracks, sensor):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit status 1 after an error, 2 after a wrong call."""
    try:
        cli.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.Exit as ended:
        raise SystemExit(ended.exit_code) from None
    except click.UsageError as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(1) from None
    except (KeyboardInterrupt, click.Abort):
        raise SystemExit(_INTERRUPTED) from None
    except DoumenError as error:
        click.echo(f"doumen: {error}", err=True)
        raise SystemExit(1) from None
