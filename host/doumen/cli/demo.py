"""`doumen demo`: the whole kit without hardware, on real input, judged at the end."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from doumen.cli.news import VERDICT_WORDS, name_of, reason_words, tell
from doumen.cli.options import json_option, passage_json, print_json, run_async
from doumen.client import Client, connect
from doumen.errors import SimulatorError
from doumen.service import DeviceState, News, Service, Taking, system_clock_ms
from doumen.simulator.bench import Bench
from doumen.simulator.demo_world import SHORTEST_S, DemoWorld, Visitor, demo_settings
from doumen.simulator.scene import baseline_readings
from doumen.store import Store
from doumen.tracks.geojson import write_geojson

_MOST_SYNCS = 50


@dataclass(slots=True)
class BadgeResult:
    """What became of one badge's fixes."""

    device: DeviceState
    track: Path
    recorded: int
    stored: int

    @property
    def is_wrong(self) -> bool:
        """Whether a fix was lost or came twice, or there were none at all."""
        return self.recorded != self.stored or self.device.duplicated != 0 or self.stored == 0


@click.command(
    short_help="The whole kit at work, without any hardware.",
    epilog="\b\nExamples:\n  doumen demo\n  doumen demo --seconds 60 --output /tmp/doumen-demo",
)
@click.option(
    "--seconds",
    default=30.0,
    show_default=True,
    type=click.FloatRange(SHORTEST_S, 3600),
    metavar="S",
    help=f"How long, at least {SHORTEST_S}.",
)
@click.option("--seed", default=1, show_default=True, help="Draws the people and the noise.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for the database and the tracks; those of an earlier demo are replaced.",
)
@json_option
def demo(seconds: float, seed: int, output: Path, as_json: bool) -> None:
    """A gate and two badges run the real firmware in the MicroPython VM; this host does its main job on them.

    The gate replays two real sensors, then people walk through it, one of them febrile. The badges replay real
    receiver logs; one is cut off while it hands over its fixes. Exit status 1 if a fix was lost or came twice, the
    febrile person passed or a healthy one was stopped.
    """
    console = Console(highlight=False, stderr=as_json)
    database = output / "demo.db"  # never the name of a real one: it is replaced without a question
    try:
        output.mkdir(parents=True, exist_ok=True)
        for ending in ("", "-wal", "-shm"):
            database.with_name(database.name + ending).unlink(missing_ok=True)
    except OSError as error:
        raise SimulatorError(f"{output}: {error.strerror}; name another folder by --output") from error
    with DemoWorld(seconds, seed) as world, Store(f"sqlite:///{database}") as store:
        run = _Run(world, store, console, seconds)
        run_async(run.run())
        badges = run_async(run.settle(output))
        visitors = world.visitors(run.state(world.gate).passages)
        problems = [problem for bench in world.benches for problem in bench.problems]
        gate = run.state(world.gate)
    is_wrong = bool(problems) or any(r.is_wrong for r in (*badges, *visitors)) or gate.eeproms != 3
    if as_json:
        print_json(_as_json(gate, visitors, badges, problems, database) | {"ok": not is_wrong})
    else:
        _show(console, gate, visitors, badges, problems, database)
    if is_wrong:
        raise SystemExit(1)


class _Run:
    """The half minute itself."""

    def __init__(self, world: DemoWorld, store: Store, console: Console, seconds: float) -> None:
        self._world = world
        self._console = console
        self._seconds = seconds
        self._store = store
        self._cut: asyncio.Future[None] | None = None
        self._halfway_s = time.monotonic() + seconds / 2
        # Two blocks at a time: the transfer that is cut is one of many steps.
        self._service = Service(
            demo_settings("sqlite://"),
            store,
            self._tell,
            baseline=baseline_readings(),
            sync_every_s=max(4.0, seconds / 6),
            blocks_at_once=2,
        )

    def state(self, bench: Bench) -> DeviceState:
        """What the service knows of the device on this bench."""
        return self._service.devices[bench.port]

    async def run(self) -> None:
        """Attend to the devices while the gate goes through its acts."""
        self._say("a gate and two badges, firmware in the MicroPython VM, each on a pseudo-terminal")
        serving = asyncio.create_task(self._service.run([bench.port for bench in self._world.benches]))
        start_s = time.monotonic()
        second_s, third_s = self._world.acts_s
        self._say("the gate replays a real sensor (Melexis' own)")
        await self._until(start_s + second_s, serving)
        self._say("the gate starts again with another real sensor (Signaloid's, 16-bit ADC)")
        await asyncio.to_thread(self._world.second_act)
        await self._until(start_s + third_s, serving)
        self._say("people come; the reference source is in view, the sensor is warm, the baseline known")
        await asyncio.to_thread(self._world.third_act, system_clock_ms())
        await self._until(start_s + self._seconds, serving)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    async def settle(self, output: Path) -> list[BadgeResult]:
        """Take over what the badges still hold, and count."""
        results: list[BadgeResult] = []
        for bench in self._world.benches[1:]:
            device = self.state(bench)
            async with await connect(bench.port) as client:
                recorded = await self._take_all(client, device)
                device_id = client.identity.device_id
            track = output / f"{device_id}.geojson"
            with track.open("w", encoding="utf-8") as file:
                count = write_geojson(file, device_id, self._store.positionfixes.between(device_id))
            results.append(BadgeResult(device, track, recorded, count))
        return results

    async def _take_all(self, client: Client, device: DeviceState) -> int:
        """Sync until nothing was logged meanwhile, for the badge goes on; how many fixes it says it logged."""
        recorded = -1
        for _ in range(_MOST_SYNCS):
            got = await client.sync(self._store)
            device.stored += got.stored
            device.duplicated += got.duplicated
            before, recorded = recorded, (await client.status())["log_records"]
            if recorded == before:
                break
        return recorded

    def _tell(self, news: News) -> None:
        if (
            isinstance(news, Taking)
            and self._cut is None
            and news.device.url == self._world.badge.port
            and news.cursor < news.end
            and time.monotonic() > self._halfway_s
        ):
            # The host asks for the next blocks while the plug is pulled.
            self._say(f"{name_of(news.device)} is cut off in the middle of a transfer")
            self._cut = asyncio.ensure_future(asyncio.to_thread(self._world.badge.power_cut, 0.3))
        tell(self._console, news)

    def _say(self, words: str) -> None:
        self._console.print(f"[dim]{time.strftime('%H:%M:%S')}  {words}[/dim]", soft_wrap=True)

    @staticmethod
    async def _until(time_s: float, serving: "asyncio.Task[None]") -> None:
        await asyncio.wait({serving}, timeout=max(0.0, time_s - time.monotonic()))
        if serving.done():
            serving.result()
            raise SimulatorError("the service ended by itself")


def _as_json(
    gate: DeviceState,
    visitors: Sequence[Visitor],
    badges: Sequence[BadgeResult],
    problems: Sequence[str],
    database: Path,
) -> dict[str, object]:
    return {
        "gate": {
            "subpages": gate.subpages,
            "lost": gate.subpages_lost,
            "sensors": gate.eeproms,
            "visitors": [
                {
                    "name": visitor.name,
                    "oral_c": visitor.oral_c,
                    "wrong": visitor.is_wrong,
                    "passages": [passage_json(passage) for passage in visitor.passages],
                }
                for visitor in visitors
            ],
        },
        "badges": [
            {
                "device": badge.device.identity.device_id if badge.device.identity else None,
                "recorded": badge.recorded,
                "handed_over": badge.device.stored + badge.device.duplicated,
                "stored": badge.stored,
                "duplicated": badge.device.duplicated,
                "connections": badge.device.connections,
                "track": str(badge.track),
            }
            for badge in badges
        ],
        "problems": list(problems),
        "database": str(database),
    }


def _show(
    console: Console,
    gate: DeviceState,
    visitors: Sequence[Visitor],
    badges: Sequence[BadgeResult],
    problems: Sequence[str],
    database: Path,
) -> None:
    console.print()
    console.print(
        f"[bold]{name_of(gate)}[/bold]: {gate.subpages} subpages received, {gate.subpages_lost} lost, "
        f"{gate.eeproms} sensors, {len(gate.passages)} passages"
    )
    people = _table("who", "clinical", "skin at gate", "over baseline", "verdict", "why", "")
    for visitor in visitors:
        last = visitor.passages[-1] if visitor.passages else None
        reading = last.reading if last else None
        words, style = ("not seen", "bold red") if last is None else VERDICT_WORDS[last.verdict]
        people.add_row(
            visitor.name,
            f"{visitor.oral_c:.1f} °C",
            "no reading" if reading is None else f"{reading.skin_c:.1f} ± {reading.uncertainty_c:.1f} °C",
            "" if reading is None or reading.elevation_c is None else f"{reading.elevation_c:+.1f} K",
            f"[{style}]{words.partition(' skin')[0]}[/]",
            reason_words(last.reasons if last else ()),
            "[bold red]WRONG[/]" if visitor.is_wrong else "[green]right[/]",
        )
    console.print(people)
    fixes = _table("badge", "recorded", "handed over", "stored", "doubled", "lost", "connections", "")
    for badge in badges:
        device = badge.device
        fixes.add_row(
            name_of(device),
            str(badge.recorded),
            str(device.stored + device.duplicated),
            str(badge.stored),
            str(device.duplicated),
            str(badge.recorded - badge.stored),
            str(device.connections),
            "[bold red]WRONG[/]" if badge.is_wrong else "[green]right[/]",
        )
    console.print(fixes)
    console.print(
        "Skin temperatures screen; they are no diagnosis. Whoever is stopped is measured again, clinically.",
        soft_wrap=True,
    )
    for problem in problems:
        console.print(f"[bold red]{problem}[/]")
    console.print(f"Database: {database}", soft_wrap=True)
    for badge in badges:
        console.print(f"Track:    {badge.track}", soft_wrap=True)


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold", padding=(0, 1, 0, 0))
