"""One gate's screening: temperatures and faults in, events out. No clock, no file, no link.

    screener = Screener(settings, baseline)
    for t_ms, frame_c in frames:                 # every subpage, 16 a second
        for event in screener.update(t_ms, frame_c): ...

A passage is one head followed from the frame it is first seen in until it is gone. Its verdict comes while
the person still stands there. PASS and ELEVATED are final; LOOK_AGAIN is taken back when eight better frames
follow.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from doumen.config import ScreeningSettings
from doumen.model import Passage, Reading, Reason, Verdict
from doumen.screening.background import SHAPE, Background, BoolFrame, FloatFrame, fill_gaps
from doumen.screening.blobs import find_blobs
from doumen.screening.decision import Baseline, decide
from doumen.screening.events import Event, PassageEnded, PassageStarted, VerdictReached
from doumen.screening.face import Head, find_head, is_skin
from doumen.screening.reading import FaceStack, Measured, expanded_uncertainty_c
from doumen.screening.reference import Reference
from doumen.screening.tracking import Track, Tracker
from doumen.screening.visit import Visit

__all__ = ["Event", "PassageEnded", "PassageStarted", "Screener", "VerdictReached"]

# Longer silence than this between subpages, ms, or time running backwards: nobody is who they were.
GAP_MS = 1_000


class Screener:
    """One gate. settings: thresholds; baseline: earlier readings that did not alarm, °C, oldest first."""

    def __init__(self, settings: ScreeningSettings, baseline: Sequence[float] = ()) -> None:
        self._settings = settings
        self._background = Background(settings)
        self._reference = Reference(settings.reference) if settings.reference else None
        self._tracker = Tracker(settings.track_lost_ms)
        self._baseline = Baseline(settings, baseline)
        self._visits: dict[Track, Visit] = {}
        self._passages = 0
        self._updates = 0
        self._t_ms: int | None = None

    @property
    def ready(self) -> bool:
        """Whether the empty scene is known; nobody is seen before that."""
        return self._background.ready

    @property
    def baseline_c(self) -> tuple[float, ...]:
        """The readings that make the baseline, °C, oldest first: what to preload after a restart."""
        return self._baseline.readings_c

    @property
    def reference_found(self) -> bool | None:
        """Whether the reference source is in view at the latest frame; None where none is configured."""
        if self._reference is None or self._t_ms is None:
            return None if self._reference is None else False
        return self._reference.offset_c(self._t_ms) is not None

    def update(
        self, t_ms: int, frame_c: npt.NDArray[np.floating], *, faults: tuple[Reason, ...] = ()
    ) -> list[Event]:
        """Take in the scene after one more subpage.

        t_ms: time of the subpage; frame_c: (24, 32), °C, merged from the two latest subpages, NaN where
        unmeasured; faults: what is known against the sensor now (WARMING_UP, SENSOR_FAULT): no verdict
        under one is a pass. Returns the events of this subpage, oldest first. Raises ValueError for any
        other shape.
        """
        if frame_c.shape != SHAPE:
            raise ValueError(f"a frame is {SHAPE}, not {frame_c.shape}")
        frame = np.where(np.isfinite(frame_c), frame_c, np.nan).astype(np.float32)
        events: list[Event] = []
        if self._t_ms is not None and not 0 <= t_ms - self._t_ms <= GAP_MS:
            for track in self._tracker.end_all():
                events += self._end(track)
        self._t_ms = t_ms
        self._updates += 1
        if self._reference is not None:
            self._reference.update(t_ms, frame)

        whole = fill_gaps(frame)
        warm = self._background.warm(whole)
        self._blank_reference(warm)
        heads = self._heads(whole, warm) if self._background.ready else []
        for track in self._tracker.update(t_ms, heads):
            events += self._end(track)
        for track in self._tracker.tracks:
            if track.seen_ms == t_ms and track.started:
                events += self._visit(track, frame, faults)
        # Every second frame is new in all its pixels; in between there is nothing to learn for half of them.
        if self._updates % 2:
            self._background.learn(t_ms, whole, warm, someone=bool(self._visits))
        return events

    def finish(self) -> list[Event]:
        """End all passages, for instance because the gate went away."""
        return [event for track in self._tracker.end_all() for event in self._end(track)]

    def _blank_reference(self, warm: BoolFrame) -> None:
        at = self._settings.reference
        if at is not None:
            # One pixel around it too: it warms its mount, and its edge is mixed.
            warm[
                max(at.row - 1, 0) : at.row + at.size_px + 1,
                max(at.column - 1, 0) : at.column + at.size_px + 1,
            ] = False

    def _heads(self, frame: FloatFrame, warm: BoolFrame) -> list[Head]:
        found = (find_head(blob) for blob in find_blobs(warm, self._settings.person_area_px))
        return [head for head in found if head is not None and is_skin(frame, head, self._settings)]

    def _visit(self, track: Track, frame: FloatFrame, faults: tuple[Reason, ...]) -> list[Event]:
        t_ms, head = track.seen_ms, track.head
        events: list[Event] = []
        visit = self._visits.get(track)
        if visit is not None and visit.final and visit.is_replaced_by(head):
            events += self._end(track)
            track.first_ms, visit = t_ms, None
        if visit is None:
            visit = self._begin(track, events, FaceStack(self._settings))
        visit.collect(t_ms, frame, head, faults)
        if visit.final:
            events += self._watch(track, visit)
        elif visit.is_due(t_ms):
            events += self._judge(visit, t_ms, head)
        elif visit.is_overdue(t_ms):
            events += self._announce(visit, t_ms, Verdict.LOOK_AGAIN, None, visit.why_nothing())
        return events

    def _begin(self, track: Track, events: list[Event], stack: FaceStack) -> Visit:
        self._passages += 1
        visit = self._visits[track] = Visit(self._passages, self._settings, stack)
        events.append(PassageStarted(track.first_ms, visit.number))
        return visit

    def _watch(self, track: Track, visit: Visit) -> list[Event]:
        """After the verdict: the same track with another temperature is another person, judged at once."""
        t_ms, stack = track.seen_ms, visit.stack
        if visit.reading is None or not visit.is_due(t_ms):
            return []
        measured, offset_c = stack.measure(), self._offset_c(t_ms)
        if (
            measured is None
            or offset_c is None
            or visit.faults
            or abs(measured.apparent_c + offset_c - visit.reading.skin_c) <= self._settings.someone_else_c
        ):
            visit.start_over()
            return []
        events = self._end(track)
        track.first_ms = t_ms if stack.first_ms is None else stack.first_ms
        follower = self._begin(track, events, stack)
        return [*events, *self._judge(follower, t_ms, track.head)]

    def _offset_c(self, t_ms: int) -> float | None:
        """What the reference adds to a temperature, K; 0 without one, None while it is lost."""
        return 0.0 if self._reference is None else self._reference.offset_c(t_ms)

    def _judge(self, visit: Visit, t_ms: int, head: Head) -> list[Event]:
        measured = visit.stack.measure()
        if measured is None:
            return self._announce(visit, t_ms, Verdict.LOOK_AGAIN, None, visit.why_nothing())
        reading = self._reading(measured, t_ms, visit.faults)
        verdict, reasons = decide(self._settings, reading)
        return self._announce(visit, t_ms, verdict, replace(reading, reasons=reasons), reasons, head)

    def _reading(self, measured: Measured, t_ms: int, faults: tuple[Reason, ...]) -> Reading:
        offset_c, source_c, offset_noise_c = self._offset_c(t_ms), None, 0.0
        reasons = faults
        if self._reference is None:
            reasons = (*faults, Reason.DEGRADED)
        elif offset_c is None:
            reasons = (*faults, Reason.REFERENCE_LOST)
        else:
            source_c, offset_noise_c = self._reference.uncertainty_c, self._reference.noise_c
        offset_c = offset_c or 0.0
        return Reading(
            skin_c=measured.apparent_c + offset_c,
            uncertainty_c=expanded_uncertainty_c(measured, source_c, offset_noise_c),
            background_c=self._background.ambient_c + offset_c,
            baseline_c=self._baseline.median_c,
            frames=measured.frames,
            reasons=tuple(dict.fromkeys(reasons)),
        )

    @staticmethod
    def _announce(
        visit: Visit,
        t_ms: int,
        verdict: Verdict,
        reading: Reading | None,
        reasons: tuple[Reason, ...],
        spot: Head | None = None,
    ) -> list[Event]:
        if not visit.settle(verdict, reading, reasons, spot):
            return []
        return [VerdictReached(t_ms, visit.number, verdict, visit.reading, reasons)]

    def _end(self, track: Track) -> list[Event]:
        visit = self._visits.pop(track, None)
        if visit is None:
            return []
        events: list[Event] = []
        # Times stay those of the subpages in which the person was seen, also when time ran backwards since.
        t_ms = track.seen_ms
        if visit.verdict is None:
            events += self._judge(visit, t_ms, track.head)
        verdict = visit.verdict or Verdict.LOOK_AGAIN
        if visit.reading is not None:
            self._baseline.learn(verdict, visit.reading)
        passage = Passage(track.first_ms, t_ms, verdict, visit.reading, visit.reasons)
        return [*events, PassageEnded(t_ms, visit.number, passage)]
