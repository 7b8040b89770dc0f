"""The service over a gate whose people are painted: verdicts reach the lights, passages the database."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from doumen.model import Positionfix, Reason, Verdict
from doumen.screening.events import VerdictReached
from doumen.service import Connected, Lost, News, Noticed, Saw, Service, Troubled
from doumen.simulator.chips import Mlx90640
from doumen.simulator.demo_world import demo_settings
from doumen.simulator.receiver import Receiver
from doumen.simulator.scene import Person, ReferenceSource, Scene, baseline_readings
from doumen.simulator.sensor_words import SensorWords
from doumen.simulator.sights import Painted
from doumen.store import Cursor, Store, StoredBlock
from doumen.thermal.calibration import Calibration

from .devices import (
    BADGE_ID,
    GATE_ID,
    badge,
    connected,
    gate,
    real_sensor,
    recorded_log,
    running,
    sensor_words,
)


def sensor_before(people: list[Person], seed: int) -> Mlx90640:
    subpages, eeprom = sensor_words("melexis_example")
    words = SensorWords(Calibration.from_eeprom(eeprom), subpages[0])
    scene = Scene(people, reference=ReferenceSource(), seed=seed)
    return Mlx90640(eeprom, Painted(scene, words, 0.0, seed))


async def served(service: Service, urls: list[str], seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(service.run(urls), seconds)


@pytest.mark.slow
def test_a_febrile_person_is_stopped_by_lights_and_buzzer_and_stored(tmp_path: Path) -> None:
    people = [Person("healthy", 3.0, 36.8), Person("febrile", 7.0, 39.2)]
    bench = gate(sensor_before(people, seed=5))
    news: list[News] = []
    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        service = Service(demo_settings("sqlite://"), store, news.append, baseline=baseline_readings())
        asyncio.run(served(service, [bench.port], 12))
        stored = [row.passage for row in reversed(store.passages.recent(GATE_ID))]
        assert store.devices.get(GATE_ID) is not None
    verdicts = [n.event.verdict for n in news if isinstance(n, Saw) and isinstance(n.event, VerdictReached)]
    assert verdicts == [Verdict.PASS, Verdict.ELEVATED]
    assert [passage.verdict for passage in stored] == verdicts
    assert stored[1].reading is not None
    assert stored[1].reading.elevation_c == pytest.approx(2.0, abs=0.6)
    history = bench.board.history
    assert sum(1 for _, pin, level in history if pin == "relay" and level) == 1, "the door opened once"
    assert [level for _, pin, level in history if pin == "buzzer" and level] == [1800, 700]


def test_a_gate_that_warms_up_lets_nobody_pass(tmp_path: Path) -> None:
    bench = gate(sensor_before([Person("healthy", 2.5, 36.8)], seed=6))
    news: list[News] = []
    settings = demo_settings("sqlite://")
    settings = settings.model_copy(update={"gate": settings.gate.model_copy(update={"warm_up_s": 240})})
    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        service = Service(settings, store, news.append, baseline=baseline_readings())
        asyncio.run(served(service, [bench.port], 6.5))
    reached = [n.event for n in news if isinstance(n, Saw) and isinstance(n.event, VerdictReached)]
    assert reached
    assert all(event.verdict is Verdict.LOOK_AGAIN for event in reached)
    assert all(Reason.WARMING_UP in event.reasons for event in reached)
    assert bench.board.pins["relay"] == 0


def test_a_gate_with_a_broken_eeprom_is_named_and_stays_out_of_service(tmp_path: Path) -> None:
    sensor = real_sensor()
    sensor.eeprom = np.full(832, 0xFFFF, np.uint16)
    bench = gate(sensor)
    news: list[News] = []
    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        service = Service(demo_settings("sqlite://"), store, news.append)
        asyncio.run(served(service, [bench.port], 3.5))
    told = [n for n in news if isinstance(n, Troubled)]
    assert len(told) == 1, "it is tried again and again, and told once"
    assert "0xffff" in told[0].why
    assert bench.board.pins["relay"] == 0


def test_a_service_finds_a_device_that_was_not_there_at_first(tmp_path: Path) -> None:
    bench = gate(real_sensor())
    news: list[News] = []

    async def plug_in_late(service: Service) -> None:
        bench.power_cut(0.7)
        await served(service, [bench.port, f"{tmp_path}/no-such-port"], 4)

    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        asyncio.run(plug_in_late(Service(demo_settings("sqlite://"), store, news.append)))
    assert any(isinstance(n, Connected) and n.device.url == bench.port for n in news)
    missing = [n for n in news if isinstance(n, Lost) and "no-such-port" in n.device.url]
    assert len(missing) == 1, "the same trouble is told once"


def test_another_sensor_is_noticed_and_an_altered_one_keeps_the_gate_out_of_service(tmp_path: Path) -> None:
    bench = gate(real_sensor("melexis_example"))
    _, eeprom = sensor_words("melexis_example")
    news: list[News] = []

    def serve_once(store: Store) -> list[News]:
        news.clear()
        asyncio.run(served(Service(demo_settings("sqlite://"), store, news.append), [bench.port], 2.5))
        return [n for n in news if isinstance(n, Noticed | Troubled)]

    def change(sensor: Mlx90640) -> None:
        bench.power_cut(0.1, lambda: setattr(bench.board, "sensor", sensor))

    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        assert serve_once(store) == []
        first = store.devices.get(GATE_ID)
        assert first is not None
        assert first.sensor is not None
        change(real_sensor("signaloid"))
        (told,) = serve_once(store)
        assert isinstance(told, Noticed)
        assert "another sensor" in told.what
        second = store.devices.get(GATE_ID)
        assert second is not None
        assert second.sensor != first.sensor
        store.devices.has_sensor(GATE_ID, first.sensor)
        altered = real_sensor("melexis_example")
        altered.eeprom = eeprom.copy()
        altered.eeprom[0x100] ^= 0x0010  # one bit of a pixel's calibration
        change(altered)
        (told,) = serve_once(store)
        assert isinstance(told, Troubled)
        assert "no longer" in told.why
        assert bench.board.pins["relay"] == 0


def test_a_badge_whose_blocks_contradict_the_database_leaves_the_other_devices_served(tmp_path: Path) -> None:
    double = badge(Receiver(recorded_log("beidou-bd"), baud=115200), block_age_ms=200)
    bench = gate(real_sensor())
    news: list[News] = []

    async def log_something() -> int:
        async with await connected(double) as client:
            while not (await client.status())["log_records"]:
                await asyncio.sleep(0.1)
            return client.identity.epoch

    with running(double, bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        epoch = asyncio.run(log_something())
        # Another device has already handed over block 0 under this one's name.
        other = StoredBlock(epoch, 0, 1, [Positionfix(1_785_000_000_000, 0, 0, 100, 9, 1)])
        store.positionfixes.ingest(BADGE_ID, [other], Cursor(epoch, 0))
        service = Service(demo_settings("sqlite://"), store, news.append)
        asyncio.run(served(service, [double.port, bench.port], 4))
    told = [n for n in news if isinstance(n, Lost)]
    assert told
    assert all("known with another content" in n.why for n in told)
    assert len(told) < 6, "it is not asked again without a pause"
    assert service.devices[bench.port].subpages > 20
    assert service.devices[bench.port].connections == 1


def test_passages_wait_for_a_database_that_is_locked(tmp_path: Path) -> None:
    bench = gate(sensor_before([Person("first", 2.5, 36.8), Person("second", 6.5, 36.8)], seed=8))
    news: list[News] = []

    async def serve_beside_a_writer(service: Service, lock: sqlite3.Connection) -> None:
        serving = asyncio.create_task(served(service, [bench.port], 11))
        await asyncio.sleep(2)
        lock.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(5)  # the first passage ends meanwhile
        lock.rollback()
        await serving

    path = tmp_path / "doumen.db"
    with running(bench), Store(f"sqlite:///{path}", busy_timeout_ms=100) as store:
        service = Service(demo_settings("sqlite://"), store, news.append, baseline=baseline_readings())
        with closing(sqlite3.connect(path, isolation_level=None)) as lock:
            asyncio.run(serve_beside_a_writer(service, lock))
        stored = [row.passage for row in store.passages.recent(GATE_ID)]
    assert any(isinstance(n, Troubled) and "wait" in n.why for n in news)
    assert len(stored) == 2
    assert not any(isinstance(n, Lost) for n in news), "screening went on"
