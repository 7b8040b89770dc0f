"""Heads from frame to frame."""

from doumen.screening.face import Head
from doumen.screening.tracking import Tracker


def head(column: float, width: float = 8.0) -> Head:
    return Head(top=4.0, column=column, width=width)


def test_a_walking_head_is_one_track() -> None:
    tracker = Tracker(lost_ms=400)
    for step in range(8):
        assert tracker.update(step * 62, [head(2.0 + 3.5 * step)]) == []
    assert len(tracker.tracks) == 1
    assert tracker.tracks[0].started


def test_a_head_missed_for_two_subpages_is_found_again_where_it_must_be() -> None:
    tracker = Tracker(lost_ms=400)
    for step in (0, 1, 2, 3, 6, 7):
        tracker.update(step * 62, [head(2.0 + 2.0 * step, width=3.0)])
    assert len(tracker.tracks) == 1


def test_two_people_apart_stay_two() -> None:
    tracker = Tracker(lost_ms=400)
    for step in range(6):
        tracker.update(step * 62, [head(6.0 + step), head(25.0 - step)])
    assert len(tracker.tracks) == 2
    assert {round(track.head.column) for track in tracker.tracks} == {11, 20}


def test_a_head_unseen_for_too_long_has_gone() -> None:
    tracker = Tracker(lost_ms=400)
    tracker.update(0, [head(10.0)])
    assert tracker.update(400, []) == []
    assert len(tracker.update(401, [])) == 1
    assert tracker.tracks == []
