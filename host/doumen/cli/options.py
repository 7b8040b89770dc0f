"""Options and helpers that several commands share."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import Progress

from doumen.config import Settings, load_settings
from doumen.errors import DoumenError
from doumen.model import Passage, Reading

T = TypeVar("T")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
database_option = click.option(
    "--db",
    "database",
    metavar="URL",
    help="Database, such as sqlite:///doumen.db. [default: from the settings]",
)
config_option = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file. [default: doumen.toml]"
)


def settings_of(config: Path | None, database: str | None) -> Settings:
    """The settings of a call. Raises ConfigError."""
    settings = load_settings(config)
    return settings if database is None else settings.model_copy(update={"database": database})


def has_database(settings: Settings) -> bool:
    """Whether there is one: a command that only looks must not leave an empty file behind."""
    scheme, _, path = settings.database.partition(":///")
    file = Path(path.partition("?")[0])
    # Where not even the folder is, opening says best what is wrong.
    return not scheme.startswith("sqlite") or file.exists() or not file.parent.is_dir()


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; of errors that came in a group, the first that the command line has words for is raised."""
    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        ours = group.subgroup((DoumenError, BrokenPipeError))
        if ours is None:
            raise
        while isinstance(ours, BaseExceptionGroup):
            ours = ours.exceptions[0]
        raise ours from None


def progress_bar(*, quiet: bool) -> Progress:
    """A bar on standard error, for work that takes longer than a second; none where nobody would see it."""
    console = Console(stderr=True)
    return Progress(console=console, disable=quiet or not console.is_terminal, transient=True)


def print_json(value: object) -> None:
    """One JSON document, in one line, at once."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def reading_json(reading: Reading | None) -> dict[str, object] | None:
    """A reading as JSON values, °C to the hundredth."""
    if reading is None:
        return None
    return {
        "skin_c": round(reading.skin_c, 2),
        "uncertainty_c": round(reading.uncertainty_c, 2),
        "background_c": round(reading.background_c, 2),
        "baseline_c": None if reading.baseline_c is None else round(reading.baseline_c, 2),
        "frames": reading.frames,
    }


def passage_json(passage: Passage) -> dict[str, object]:
    """A passage as JSON values."""
    return {
        "started_ms": passage.started_ms,
        "ended_ms": passage.ended_ms,
        "verdict": passage.verdict.name.lower(),
        "reading": reading_json(passage.reading),
        "reasons": [reason.value for reason in passage.reasons],
    }


def reading_words(reading: Reading | None) -> str:
    """A reading for people: the temperature with its uncertainty, and what it stands above."""
    if reading is None:
        return "no reading"
    words = f"{reading.skin_c:.1f} ± {reading.uncertainty_c:.1f} °C"
    elevation = reading.elevation_c
    return words if elevation is None else f"{words} ({elevation:+.1f} K to the baseline)"
