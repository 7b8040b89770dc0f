"""One gate's screening: temperatures and faults in, events out. No clock, no file, no link.

    screener = Screener(settings, baseline)
    for t_ms, frame_c in frames:                 # every subpage, 16 a second
        for event in screener.update(t_ms, frame_c): ...

A passage is one head followed from the frame it is first seen in until it is gone. Its verdict comes while
the person still stands there. PASS and ELEVATED are final; LOOK_AGAIN is taken back when eight better
frames follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from doumen.config import ScreeningSettings
from doumen.model import Passage, Reading, Reason, Verdict
from doumen.screening.background import SHAPE, Background, FloatFrame, fill_gaps
from doumen.screening.decision import Baseline, decide
from doumen.screening.face import Head, find_head, is_skin, upper_face
from doumen.screening.reading import FaceStack, expanded_uncertainty_c
from doumen.screening.reference import Reference
from doumen.screening.tracking import Track, Tracker, find_blobs

# Longer silence than this between subpages, ms, or time running backwards: nobody is who they were.
GAP_MS = 1_000
# Someone who stands in the measuring zone this long without a reading is told to look again, ms.
PATIENCE_MS = 1_500


@dataclass(frozen=True, slots=True)
class PassageStarted:
    """A person came into view. `number` counts passages of this screener from 1."""

    t_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class VerdictReached:
    """What the gate shows now. A later one for the same number replaces it, only ever after LOOK_AGAIN."""

    t_ms: int
    number: int
    verdict: Verdict
    reading: Reading | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class PassageEnded:
    """The person is gone; this goes to the store."""

    t_ms: int
    number: int
    passage: Passage


Event = PassageStarted | VerdictReached | PassageEnded


@dataclass(slots=True)
class _Visit:
    """What is known of a person in view."""

    number: int
    stack: FaceStack
    verdict: Verdict | None = None
    reading: Reading | None = None
    reasons: tuple[Reason, ...] = ()
    measured_at: int = -1
    last_head: Head | None = None
    zone_since_ms: int | None = None
    refused: dict[Reason, int] = field(default_factory=dict[Reason, int])
    faults: tuple[Reason, ...] = ()

    def refuse(self, reason: Reason) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    @property
    def final(self) -> bool:
        return self.verdict in (Verdict.PASS, Verdict.ELEVATED)


class Screener:
    """One gate. settings: thresholds; baseline: earlier readings that did not alarm, °C, oldest first."""

    def __init__(self, settings: ScreeningSettings, baseline: Sequence[float] = ()) -> None:
        self._settings = settings
        self._background = Background(settings)
        self._reference = Reference(settings.reference) if settings.reference else None
        self._tracker = Tracker(settings.track_lost_ms)
        self._baseline = Baseline(settings, baseline)
        self._visits: dict[Track, _Visit] = {}
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
        self._background.learn(t_ms, whole, warm, someone=bool(self._visits))
        return events

    def finish(self) -> list[Event]:
        """End all passages, for instance because the gate went away."""
        return [event for track in self._tracker.end_all() for event in self._end(track)]

    def _blank_reference(self, warm: npt.NDArray[np.bool_]) -> None:
        at = self._settings.reference
        if at is not None:
            # One pixel around it too: it warms its mount, and its edge is mixed.
            warm[
                max(at.row - 1, 0) : at.row + at.size_px + 1,
                max(at.column - 1, 0) : at.column + at.size_px + 1,
            ] = False

    def _heads(self, frame: FloatFrame, warm: npt.NDArray[np.bool_]) -> list[Head]:
        found = (find_head(blob) for blob in find_blobs(warm, self._settings.person_area_px))
        return [head for head in found if head is not None and is_skin(frame, head, self._settings)]

    def _visit(self, track: Track, frame: FloatFrame, faults: tuple[Reason, ...]) -> list[Event]:
        events: list[Event] = []
        visit = self._visits.get(track)
        if visit is None:
            self._passages += 1
            visit = self._visits[track] = _Visit(self._passages, FaceStack(self._settings))
            events.append(PassageStarted(track.first_ms, visit.number))
        if visit.final:
            return events
        visit.faults = tuple(dict.fromkeys((*visit.faults, *faults)))
        self._collect(track, visit, frame)

        t_ms, settings, stack = track.seen_ms, self._settings, visit.stack
        waited_ms = t_ms - stack.first_ms
        enough = stack.frames >= settings.frames_from and waited_ms >= settings.decide_after_ms
        if stack.frames >= settings.frames_to or (enough and visit.verdict is None):
            events += self._judge(visit, t_ms)
        elif (
            visit.verdict is None
            and visit.zone_since_ms is not None
            and t_ms - visit.zone_since_ms > PATIENCE_MS
        ):
            events += self._announce(visit, t_ms, Verdict.LOOK_AGAIN, None, self._why_nothing(visit))
        return events

    def _collect(self, track: Track, visit: _Visit, frame: FloatFrame) -> None:
        """Add the frame to the stack when it is a new full frame of a near, whole and steady head."""
        # A merged frame shares half its pixels with the one before: every second is a new full frame.
        if visit.measured_at >= 0 and self._updates - visit.measured_at < 2:
            return
        head, last = track.head, visit.last_head
        visit.measured_at, visit.last_head = self._updates, head
        settings = self._settings
        if not settings.head_from_px <= head.width <= settings.head_to_px or not upper_face(head).inside:
            visit.refuse(Reason.TOO_FAR if head.width < settings.head_from_px else Reason.TOO_FEW_FRAMES)
            return
        if visit.zone_since_ms is None:
            visit.zone_since_ms = track.seen_ms
        moved = None if last is None else max(abs(head.column - last.column), abs(head.top - last.top))
        if moved is None or moved > settings.motion_px:
            visit.refuse(Reason.BLURRED)
            visit.stack.clear()
        elif not visit.stack.add(track.seen_ms, frame, head):
            visit.refuse(Reason.SENSOR_FAULT)

    def _judge(self, visit: _Visit, t_ms: int) -> list[Event]:
        measured = visit.stack.measure()
        if measured is None:
            return self._announce(
                visit, t_ms, Verdict.LOOK_AGAIN, None, (*visit.faults, Reason.TOO_FEW_FRAMES)
            )
        reasons = list(visit.faults)
        offset_c, source_c, offset_noise_c = 0.0, None, 0.0
        if self._reference is None:
            reasons.append(Reason.DEGRADED)
        elif (seen_c := self._reference.offset_c(t_ms)) is None:
            reasons.append(Reason.REFERENCE_LOST)
        else:
            offset_c, source_c = seen_c, self._reference.uncertainty_c
            offset_noise_c = self._reference.noise_c
        reading = Reading(
            skin_c=measured.apparent_c + offset_c,
            uncertainty_c=expanded_uncertainty_c(measured, source_c, offset_noise_c),
            background_c=self._background.ambient_c + offset_c,
            baseline_c=self._baseline.median_c,
            frames=measured.frames,
            reasons=tuple(dict.fromkeys(reasons)),
        )
        verdict, reasons = decide(self._settings, reading)
        return self._announce(visit, t_ms, verdict, replace(reading, reasons=reasons), reasons)

    def _announce(
        self, visit: _Visit, t_ms: int, verdict: Verdict, reading: Reading | None, reasons: tuple[Reason, ...]
    ) -> list[Event]:
        news = (verdict, reasons) != (visit.verdict, visit.reasons)
        visit.verdict, visit.reasons = verdict, tuple(dict.fromkeys(reasons))
        visit.reading = reading or visit.reading
        # A second look stands on frames of its own.
        visit.stack.clear()
        visit.faults = ()
        return [VerdictReached(t_ms, visit.number, verdict, visit.reading, visit.reasons)] if news else []

    def _end(self, track: Track) -> list[Event]:
        visit = self._visits.pop(track, None)
        if visit is None:
            return []
        events: list[Event] = []
        t_ms = track.seen_ms if self._t_ms is None else max(self._t_ms, track.seen_ms)
        if visit.verdict is None:
            if visit.stack.frames >= self._settings.frames_from:
                events += self._judge(visit, t_ms)
            else:
                events += self._announce(visit, t_ms, Verdict.LOOK_AGAIN, None, self._why_nothing(visit))
        verdict = visit.verdict or Verdict.LOOK_AGAIN
        if visit.reading is not None:
            self._baseline.learn(verdict, visit.reading)
        passage = Passage(track.first_ms, track.seen_ms, verdict, visit.reading, visit.reasons)
        return [*events, PassageEnded(t_ms, visit.number, passage)]

    @staticmethod
    def _why_nothing(visit: _Visit) -> tuple[Reason, ...]:
        reasons = [*visit.faults, Reason.TOO_FEW_FRAMES]
        if visit.refused:
            reasons.append(max(visit.refused, key=lambda reason: visit.refused[reason]))
        return tuple(dict.fromkeys(reasons))
