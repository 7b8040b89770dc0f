"""A whole gate: what must never pass, what is nobody, and who is who."""

from collections.abc import Callable

import numpy as np
import pytest

from doumen.config import ReferenceSettings, ScreeningSettings
from doumen.model import Reason, Verdict
from doumen.screening.screener import Event, PassageEnded, PassageStarted, Screener, VerdictReached
from doumen.simulator.scene import (
    HotObject,
    Person,
    ReferenceSource,
    Scene,
    baseline_readings,
    noise_c,
    queue_of_people,
)

Watch = Callable[..., list[Event]]
HEALTHY = [36.6, 36.9]


def ends(events: list[Event]) -> list[PassageEnded]:
    return [event for event in events if isinstance(event, PassageEnded)]


def verdicts(events: list[Event]) -> list[Verdict]:
    return [event.passage.verdict for event in ends(events)]


def queue(seed: int, orals_c: list[float], **options: float) -> list[Person]:
    return queue_of_people(seed, orals_c, first_s=2.5, **options)


def test_a_passage_is_started_judged_and_ended(watch: Watch, settings: ScreeningSettings) -> None:
    scene = Scene(queue(1, [36.8]), reference=ReferenceSource())
    events = watch(scene, Screener(settings, baseline_readings()), 7)
    assert [type(event) for event in events] == [PassageStarted, VerdictReached, PassageEnded]
    assert {event.number for event in events} == {1}
    reached, ended = events[1], events[2]
    assert isinstance(reached, VerdictReached)
    assert isinstance(ended, PassageEnded)
    assert reached.verdict is ended.passage.verdict is Verdict.PASS
    reading = ended.passage.reading
    assert reading is not None
    assert reading.reasons == ended.passage.reasons == ()
    assert reading.background_c == pytest.approx(23.0, abs=0.5)
    assert ended.passage.started_ms < reached.t_ms < ended.passage.ended_ms


def test_the_baseline_learns_a_pass_and_not_an_alarm(watch: Watch, settings: ScreeningSettings) -> None:
    screener = Screener(settings, baseline_readings(count=12))
    events = watch(Scene(queue(1, [36.8, 39.0]), reference=ReferenceSource()), screener, 11)
    assert verdicts(events) == [Verdict.PASS, Verdict.ELEVATED]
    assert len(screener.baseline_c) == 13


def test_an_empty_scene_has_no_passages(watch: Watch, settings: ScreeningSettings) -> None:
    screener = Screener(settings, baseline_readings())
    assert watch(Scene([], reference=ReferenceSource()), screener, 20) == []
    assert screener.ready
    assert screener.reference_found


@pytest.mark.parametrize("fault", [Reason.WARMING_UP, Reason.SENSOR_FAULT])
def test_nobody_passes_under_a_fault(watch: Watch, settings: ScreeningSettings, fault: Reason) -> None:
    for seed in range(3):
        scene = Scene(queue(seed, [*HEALTHY, 39.0]), reference=ReferenceSource(), seed=seed)
        screener = Screener(settings, baseline_readings(count=20))
        events = watch(scene, screener, 14.5, seed=seed, faults=(fault,))
        assert verdicts(events) == [Verdict.LOOK_AGAIN] * 3
        assert all(fault in event.passage.reasons for event in ends(events))
        assert len(screener.baseline_c) == 20


def test_nobody_passes_while_the_reference_is_covered(watch: Watch, settings: ScreeningSettings) -> None:
    for seed in range(3):
        source = ReferenceSource(covered_from_s=2.5, covered_until_s=7.0)
        scene = Scene(queue(seed, [36.5, 36.9]), reference=source, seed=seed)
        first, second = ends(watch(scene, Screener(settings, baseline_readings()), 11, seed=seed))
        assert first.passage.verdict is Verdict.LOOK_AGAIN
        assert Reason.REFERENCE_LOST in first.passage.reasons
        assert Reason.REFERENCE_LOST not in second.passage.reasons


def test_nobody_passes_when_the_configured_reference_never_was_there(
    watch: Watch, settings: ScreeningSettings
) -> None:
    screener = Screener(settings, baseline_readings())
    events = watch(Scene(queue(4, HEALTHY)), screener, 11)
    assert verdicts(events) == [Verdict.LOOK_AGAIN] * 2
    assert screener.reference_found is False


def test_a_gate_without_a_reference_works_and_says_that_it_is_degraded(watch: Watch) -> None:
    events = watch(Scene(queue(5, [36.8, 39.0])), Screener(ScreeningSettings(), baseline_readings()), 11)
    assert verdicts(events) == [Verdict.PASS, Verdict.ELEVATED]
    for event in ends(events):
        assert event.passage.reasons == (Reason.DEGRADED,)
        assert event.passage.reading is not None
        assert event.passage.reading.uncertainty_c > 0.9


def test_nobody_passes_while_the_baseline_is_learnt(watch: Watch, settings: ScreeningSettings) -> None:
    screener = Screener(settings, baseline_readings(count=8))
    events = watch(Scene(queue(6, [36.6, 36.9, 36.8]), reference=ReferenceSource()), screener, 15)
    assert verdicts(events) == [Verdict.LOOK_AGAIN, Verdict.LOOK_AGAIN, Verdict.PASS]
    assert ends(events)[0].passage.reasons == (Reason.LEARNING,)


def test_the_reference_takes_out_what_the_sensor_is_off(watch: Watch, settings: ScreeningSettings) -> None:
    scene = Scene(queue(7, [36.8, 39.0]), reference=ReferenceSource())
    screener = Screener(settings, baseline_readings())
    events = watch(scene, screener, 11, alter=lambda _, frame: frame - np.float32(1.8))
    assert verdicts(events) == [Verdict.PASS, Verdict.ELEVATED]


def test_a_missing_row_across_the_eyes_is_a_fault_and_never_a_pass(
    watch: Watch, settings: ScreeningSettings
) -> None:
    def lose_row(_: float, frame: np.ndarray) -> np.ndarray:
        frame[11] = np.nan
        return frame

    events = watch(
        Scene(queue(8, HEALTHY), reference=ReferenceSource()),
        Screener(settings, baseline_readings()),
        11,
        alter=lose_row,
    )
    assert verdicts(events) == [Verdict.LOOK_AGAIN] * 2
    assert all(Reason.SENSOR_FAULT in event.passage.reasons for event in ends(events))


def test_four_broken_pixels_do_not_stop_the_gate(watch: Watch, settings: ScreeningSettings) -> None:
    def break_pixels(_: float, frame: np.ndarray) -> np.ndarray:
        frame[[3, 9, 12, 20], [5, 16, 14, 28]] = np.nan
        return frame

    events = watch(
        Scene(queue(9, [36.8, 39.0]), reference=ReferenceSource()),
        Screener(settings, baseline_readings()),
        11,
        alter=break_pixels,
    )
    assert verdicts(events) == [Verdict.PASS, Verdict.ELEVATED]


def test_frames_of_nothing_are_survived(settings: ScreeningSettings) -> None:
    screener = Screener(settings)
    for step in range(64):
        assert screener.update(step * 62, np.full((24, 32), np.nan)) == []
    assert screener.reference_found is False


@pytest.mark.parametrize("temperature_c", [36.0, 55.0])
def test_a_radiator_is_nobody(watch: Watch, settings: ScreeningSettings, temperature_c: float) -> None:
    radiator = HotObject(row=8, column=20, height_px=14, width_px=8, temperature_c=temperature_c)
    scene = Scene([], reference=ReferenceSource(), objects=[radiator])
    assert watch(scene, Screener(settings, baseline_readings()), 10) == []


def test_furniture_that_turned_warm_is_nobody_after_it_settled(watch: Watch) -> None:
    settings = ScreeningSettings(reference=ReferenceSettings(), static_after_ms=5_000)
    radiator = HotObject(row=8, column=20, height_px=14, width_px=8, temperature_c=36.0, appears_s=3.0)
    scene = Scene(queue_of_people(1, [36.8], first_s=12), reference=ReferenceSource(), objects=[radiator])
    events = watch(scene, Screener(settings, baseline_readings()), 17)
    last = ends(events)[-1]
    assert last.passage.verdict is Verdict.PASS
    assert len([event for event in ends(events) if event.passage.verdict is Verdict.PASS]) == 1


def test_a_face_at_the_start_does_not_spoil_the_background(watch: Watch, settings: ScreeningSettings) -> None:
    early = Person("early", arrives_s=-2.0, stands_s=3.5)
    scene = Scene([early, *queue_of_people(2, [36.8, 39.0], first_s=7)], reference=ReferenceSource())
    assert scene.truth[0].stands_s < 0 < scene.truth[0].leaves_s
    events = watch(scene, Screener(settings, baseline_readings()), 16)
    assert verdicts(events)[-2:] == [Verdict.PASS, Verdict.ELEVATED]
    assert Verdict.PASS not in verdicts(events)[:-2]


def test_a_wall_of_noise_is_nobody(settings: ScreeningSettings) -> None:
    rng = np.random.default_rng(3)
    screener = Screener(settings, baseline_readings())
    events: list[Event] = []
    for step in range(320):
        events += screener.update(step * 62, 28.0 + 6.0 * rng.standard_normal((24, 32)))
    assert events == []


def test_people_walking_past_too_fast_never_pass(watch: Watch, settings: ScreeningSettings) -> None:
    for seed in range(4):
        runner = Person("runner", 2.5, oral_c=36.8, pace_m_s=2.5, stands_s=0.0)
        scene = Scene([runner], reference=ReferenceSource(), seed=seed)
        events = watch(scene, Screener(settings, baseline_readings()), 6, seed=seed)
        assert verdicts(events) == [Verdict.LOOK_AGAIN]
        assert Reason.TOO_FEW_FRAMES in ends(events)[0].passage.reasons


def test_somebody_who_stays_far_away_is_not_judged(watch: Watch, settings: ScreeningSettings) -> None:
    far = Person("far", 2.5, oral_c=36.8, distance_m=1.2, stands_s=2.0)
    events = watch(Scene([far], reference=ReferenceSource()), Screener(settings, baseline_readings()), 9)
    assert verdicts(events) == [Verdict.LOOK_AGAIN]
    assert Reason.TOO_FAR in ends(events)[0].passage.reasons


def test_two_people_one_after_another_are_two_passages(watch: Watch, settings: ScreeningSettings) -> None:
    scene = Scene(queue(10, [36.8, 39.0], every_s=3.5), reference=ReferenceSource())
    events = watch(scene, Screener(settings, baseline_readings()), 10)
    assert verdicts(events) == [Verdict.PASS, Verdict.ELEVATED]
    assert [event.number for event in ends(events)] == [1, 2]


@pytest.mark.parametrize("gap_s", [1.6, 2.0, 2.4, 2.8])
def test_a_follower_does_not_pass_on_the_verdict_of_the_one_before(
    watch: Watch, settings: ScreeningSettings, gap_s: float
) -> None:
    for seed in range(3):
        people = [
            Person("first", 2.5, enters_from=1 if seed % 2 else -1, stands_s=1.0 + 0.5 * seed),
            Person("follower", 2.5 + gap_s, oral_c=39.0, enters_from=-1),
        ]
        scene = Scene(people, reference=ReferenceSource(), seed=seed)
        events = watch(scene, Screener(settings, baseline_readings(seed)), 9, seed=seed)
        assert len(ends(events)) >= 2
        assert verdicts(events)[-1] is not Verdict.PASS


def test_looking_again_may_end_in_a_pass_while_the_person_stays(
    watch: Watch, settings: ScreeningSettings
) -> None:
    source = ReferenceSource(covered_from_s=2.0, covered_until_s=6.5)
    scene = Scene([Person("patient", 2.5, oral_c=36.7, stands_s=5.0)], reference=source)
    events = watch(scene, Screener(settings, baseline_readings()), 12)
    reached = [event for event in events if isinstance(event, VerdictReached)]
    assert [event.verdict for event in reached] == [Verdict.LOOK_AGAIN, Verdict.PASS]
    assert verdicts(events) == [Verdict.PASS]


def test_a_gap_in_time_ends_the_passage(watch: Watch, settings: ScreeningSettings, start_ms: int) -> None:
    scene = Scene([Person("cut off", 2.5, stands_s=3.0)], reference=ReferenceSource())
    screener = Screener(settings, baseline_readings())
    rng = np.random.default_rng(0)
    for step in range(16 * 5):
        screener.update(start_ms + step * 62, scene.temperatures(step / 16) + noise_c(rng))
    events = screener.update(start_ms + 60_000, scene.temperatures(60) + noise_c(rng))
    assert len(ends(events)) == 1
    assert ends(events)[0].passage.ended_ms < start_ms + 6_000


def test_a_frame_of_another_shape_is_refused(settings: ScreeningSettings) -> None:
    with pytest.raises(ValueError, match="a frame is"):
        Screener(settings).update(0, np.zeros((12, 16)))
