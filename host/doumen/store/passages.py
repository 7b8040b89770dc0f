"""Passages through the gates, each with its reading, if there was one, and its verdict."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, func, insert, select

from doumen.errors import StoreError
from doumen.model import Passage, Reading, Reason, Verdict
from doumen.store import schema
from doumen.store.devices import lock_device
from doumen.store.engines import reading, writing

_devices = schema.devices
_passages = schema.passages
_readings = schema.readings
_verdicts = schema.verdicts
_PASSAGE = (_passages.c.started_ms, _passages.c.ended_ms, _verdicts.c.verdict, _verdicts.c.reasons)
_READING = (
    _readings.c.skin_c,
    _readings.c.uncertainty_c,
    _readings.c.background_c,
    _readings.c.baseline_c,
    _readings.c.frames,
    _readings.c.reasons,
)


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with its number in this database and the gate it went through."""

    id: int
    gate_id: str
    passage: Passage


class Passages:
    """The passages of a store; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, gate_id: str, passage: Passage) -> int:
        """Store a passage with its reading and verdict, in one transaction; returns its id.

        Raises StoreError, and stores nothing, if a temperature is not finite or the database refuses.
        """
        read = None if passage.reading is None else _reading_row(gate_id, passage.reading)
        with writing(self._engine) as connection:
            row = {
                "gate": lock_device(connection, gate_id),
                "started_ms": int(passage.started_ms),
                "ended_ms": int(passage.ended_ms),
            }
            number = connection.execute(insert(_passages).values(row).returning(_passages.c.id)).scalar_one()
            if read is not None:
                connection.execute(insert(_readings).values(passage=number, **read))
            verdict = {"verdict": int(passage.verdict), "reasons": _joined(passage.reasons)}
            connection.execute(insert(_verdicts).values(passage=number, **verdict))
        return number

    def recent_baseline(self, gate_id: str, n: int = 50) -> list[float]:
        """Skin temperatures of a gate's last n readings that did not alarm, °C, the newest last.

        To be looked at again is not an alarm: without those readings the baseline would be too low.
        """
        query = (
            select(_readings.c.skin_c)
            .join(_passages, _passages.c.id == _readings.c.passage)
            .join(_verdicts, _verdicts.c.passage == _passages.c.id)
            .join(_devices, _devices.c.key == _passages.c.gate)
            .where(_devices.c.device_id == gate_id, _verdicts.c.verdict != int(Verdict.ELEVATED))
            .order_by(_passages.c.ended_ms.desc(), _passages.c.id.desc())
            .limit(n)
        )
        with reading(self._engine) as connection:
            return list(connection.execute(query).scalars())[::-1]

    def counts(
        self, gate_id: str | None = None, from_ms: int | None = None, to_ms: int | None = None
    ) -> dict[Verdict, int]:
        """How many passages at from_ms <= end < to_ms had each verdict; None is no limit, or all gates."""
        asked = _at_gate(gate_id)
        if from_ms is not None:
            asked.append(_passages.c.ended_ms >= from_ms)
        if to_ms is not None:
            asked.append(_passages.c.ended_ms < to_ms)
        query = (
            select(_verdicts.c.verdict, func.count())
            .join(_passages, _passages.c.id == _verdicts.c.passage)
            .join(_devices, _devices.c.key == _passages.c.gate)
            .where(*asked)
            .group_by(_verdicts.c.verdict)
        )
        with reading(self._engine) as connection:
            counted = {Verdict(verdict): count for verdict, count in connection.execute(query)}
        return dict.fromkeys(Verdict, 0) | counted

    def recent(self, gate_id: str | None = None, n: int = 20) -> list[StoredPassage]:
        """The last n passages through a gate, or through any, the newest first."""
        query = (
            select(_passages.c.id, _devices.c.device_id, *_PASSAGE, *_READING)
            .join(_devices, _devices.c.key == _passages.c.gate)
            .join(_verdicts, _verdicts.c.passage == _passages.c.id)
            .outerjoin(_readings, _readings.c.passage == _passages.c.id)
            .where(*_at_gate(gate_id))
            .order_by(_passages.c.ended_ms.desc(), _passages.c.id.desc())
            .limit(n)
        )
        with reading(self._engine) as connection:
            return [_stored(*row) for row in connection.execute(query)]


def _at_gate(gate_id: str | None) -> list[ColumnElement[bool]]:
    return [] if gate_id is None else [_devices.c.device_id == gate_id]


def _stored(
    number: int,
    gate_id: str,
    started_ms: int,
    ended_ms: int,
    verdict: int,
    verdict_reasons: str,
    skin_c: float | None,
    uncertainty_c: float,
    background_c: float,
    baseline_c: float | None,
    frames: int,
    reading_reasons: str,
) -> StoredPassage:
    read = None
    if skin_c is not None:
        reasons = _split(reading_reasons)
        read = Reading(skin_c, uncertainty_c, background_c, baseline_c, frames, reasons)
    passage = Passage(started_ms, ended_ms, Verdict(verdict), read, _split(verdict_reasons))
    return StoredPassage(number, gate_id, passage)


def _reading_row(gate_id: str, read: Reading) -> dict[str, object]:
    temperatures = {
        "skin_c": float(read.skin_c),
        "uncertainty_c": float(read.uncertainty_c),
        "background_c": float(read.background_c),
        "baseline_c": None if read.baseline_c is None else float(read.baseline_c),
    }
    for name, value in temperatures.items():
        # One NaN in here and the median of the baseline is a NaN for the next fifty people.
        if value is not None and not math.isfinite(value):
            raise StoreError(
                f"{gate_id}: a reading has {name} = {value}; nothing was stored. Report this passage"
            )
    return {**temperatures, "frames": int(read.frames), "reasons": _joined(read.reasons)}


def _joined(reasons: Iterable[Reason]) -> str:
    return ",".join(reasons)


def _split(reasons: str) -> tuple[Reason, ...]:
    return tuple(Reason(reason) for reason in reasons.split(",") if reason)
