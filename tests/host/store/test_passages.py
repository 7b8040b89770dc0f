"""Passages come back as they were stored, and the baseline takes the right ones."""

import math
from dataclasses import replace

import numpy as np
import pytest

from doumen.errors import StoreError
from doumen.model import Passage, Reading, Reason, Verdict
from doumen.store import Store

READING = Reading(34.25, 0.4, 21.5, 33.9, 4)


def _passage(end_ms: int, skin_c: float | None = 34.0, verdict: Verdict = Verdict.PASS) -> Passage:
    reading = None if skin_c is None else replace(READING, skin_c=skin_c)
    return Passage(end_ms - 1_000, end_ms, verdict, reading)


@pytest.mark.parametrize(
    "passage",
    [
        Passage(1_000, 2_000, Verdict.PASS, READING),
        Passage(1_000, 2_000, Verdict.LOOK_AGAIN, None, (Reason.BLURRED, Reason.TOO_FAR)),
        Passage(
            1_000,
            2_000,
            Verdict.ELEVATED,
            Reading(0.1 + 0.2, 1 / 3, -5.0, None, 1, (Reason.LEARNING, Reason.DEGRADED)),
            (Reason.DEGRADED,),
        ),
    ],
)
def test_a_passage_comes_back_as_it_was_stored(store: Store, passage: Passage) -> None:
    number = store.passages.add("gate-1", passage)
    (stored,) = store.passages.recent()
    assert (stored.id, stored.gate_id, stored.passage) == (number, "gate-1", passage)


def test_numbers_of_numpy_are_stored_as_numbers(store: Store) -> None:
    reading = Reading(np.float32(34.5), np.float64(0.5), np.float32(20), np.float32(34), np.int64(4))  # type: ignore[arg-type]
    store.passages.add("gate-1", Passage(np.int64(1), np.int64(2), Verdict.PASS, reading))  # type: ignore[arg-type]
    assert store.passages.recent()[0].passage == Passage(
        1, 2, Verdict.PASS, Reading(34.5, 0.5, 20.0, 34.0, 4)
    )


def test_the_baseline_is_the_last_readings_that_did_not_alarm_newest_last(store: Store) -> None:
    for minute, (skin_c, verdict) in enumerate(
        [
            (33.1, Verdict.PASS),
            (33.2, Verdict.PASS),
            (36.9, Verdict.ELEVATED),
            (None, Verdict.LOOK_AGAIN),
            (33.3, Verdict.LOOK_AGAIN),
            (33.4, Verdict.PASS),
        ]
    ):
        store.passages.add("gate-1", _passage(60_000 * (minute + 1), skin_c, verdict))
    store.passages.add("gate-2", _passage(1_000_000, 20.0))
    assert store.passages.recent_baseline("gate-1") == [33.1, 33.2, 33.3, 33.4]
    assert store.passages.recent_baseline("gate-1", n=2) == [33.3, 33.4]
    assert store.passages.recent_baseline("gate-3") == []


def test_the_newest_is_the_one_that_ended_last_not_the_one_stored_last(store: Store) -> None:
    store.passages.add("gate-1", _passage(9_000, 34.9))
    store.passages.add("gate-1", _passage(5_000, 34.5))
    assert store.passages.recent_baseline("gate-1") == [34.5, 34.9]
    assert [stored.passage.ended_ms for stored in store.passages.recent()] == [9_000, 5_000]


def test_recent_passages_are_of_one_gate_or_of_all(store: Store) -> None:
    for end_ms in (1_000, 2_000, 3_000):
        store.passages.add("gate-1", _passage(end_ms))
        store.passages.add("gate-2", _passage(end_ms + 500))
    assert [stored.gate_id for stored in store.passages.recent(n=3)] == ["gate-2", "gate-1", "gate-2"]
    assert [stored.passage.ended_ms for stored in store.passages.recent("gate-1", n=2)] == [3_000, 2_000]


def test_counts_name_every_verdict_and_heed_gate_and_time(store: Store) -> None:
    assert store.passages.counts() == {Verdict.PASS: 0, Verdict.LOOK_AGAIN: 0, Verdict.ELEVATED: 0}
    for end_ms, verdict in ((1_000, Verdict.PASS), (2_000, Verdict.PASS), (3_000, Verdict.ELEVATED)):
        store.passages.add("gate-1", _passage(end_ms, verdict=verdict))
    store.passages.add("gate-2", _passage(2_000))
    assert store.passages.counts()[Verdict.PASS] == 3
    assert store.passages.counts("gate-1") == {Verdict.PASS: 2, Verdict.LOOK_AGAIN: 0, Verdict.ELEVATED: 1}
    assert store.passages.counts("gate-1", from_ms=2_000, to_ms=3_000)[Verdict.PASS] == 1
    assert store.passages.counts("gate-1", from_ms=2_000, to_ms=3_000)[Verdict.ELEVATED] == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["skin_c", "uncertainty_c", "background_c", "baseline_c"])
def test_a_temperature_that_is_not_finite_is_refused(store: Store, name: str, value: float) -> None:
    reading = replace(READING, **{name: value})
    with pytest.raises(StoreError, match=name):
        store.passages.add("gate-1", Passage(1, 2, Verdict.PASS, reading))
    assert store.passages.recent() == []
