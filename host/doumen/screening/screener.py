"""One gate's screening: temperatures and faults in, events out. No clock, no file, no link.

    screener = Screener(settings, baseline)
    for t_ms, frame_c in frames:                 # every subpage, 16 a second
        for event in screener.update(t_ms, frame_c): ...

A passage is one head followed from the frame it is first seen in until it is gone. Its verdict comes while
the person still stands there. PASS and ELEVATED are final; LOOK_AGAIN is taken back when eight better
frames follow.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from doumen.config import ScreeningSettings
from doumen.model import Passage, Reading, Reason, Verdict
from doumen.screening.background import SHAPE, Background, BoolFrame, FloatFrame, fill_gaps
from doumen.screening.blobs import find_blobs
from doumen.screening.decision import Baseline, decide
from doumen.screening.face import Head, find_head, is_skin, upper_face
from doumen.screening.reading import FaceStack, expanded_uncertainty_c
from doumen.screening.reference import Reference
from doumen.screening.tracking import Track, Tracker

# Longer silence than this between subpages, ms, or time running backwards: nobody is who they were.
GAP_MS = 1_000
# Someone who stands in the measuring zone this long without a reading is told to look again, ms.
PATIENCE_MS = 1_500
# After the verdict, in head widths: who was so far from the spot has left it, and who is so near is on it.
LEFT_HEADS, BACK_HEADS, SHRUNK, STRANGE_FOR = 0.6, 0.35, 0.7, 4


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
    """What is known of a person in view. `spot` is the head that the verdict was reached on."""

    number: int
    stack: FaceStack
    verdict: Verdict | None = None
    reading: Reading | None = None
    reasons: tuple[Reason, ...] = ()
    collected_at: int = -2
    last_head: Head | None = None
    zone_since_ms: int | None = None
    refused: Counter[Reason] = field(default_factory=Counter[Reason])
    faults: tuple[Reason, ...] = ()
    spot: Head | None = None
    left_spot: bool = False
    strange: int = 0

    @property
    def final(self) -> bool:
        return self.verdict in (Verdict.PASS, Verdict.ELEVATED)

    def is_replaced_by(self, head: Head) -> bool:
        """Whether a head that stands here after the verdict must be somebody else's.

        A follower steps into the place of the one who leaves, and takes over the track: a head that went and
        is back, or that is suddenly small on the same spot, is asked anew, not let through on another's
        verdict. The shoulder of somebody who leaves is the last to go; it is too low for a head.
        """
        spot = self.spot
        if spot is None or head.top - spot.top > spot.height / 2:
            return False
        away = abs(head.column - spot.column) / spot.width
        self.left_spot |= away > LEFT_HEADS
        strange = away < BACK_HEADS and (self.left_spot or head.width < SHRUNK * spot.width)
        # Torn between two subpages, a head that starts to leave looks small for a moment.
        self.strange = self.strange + 1 if strange else 0
        return self.strange >= STRANGE_FOR


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
        events: list[Event] = []
        visit = self._visits.get(track)
        if visit is not None and visit.final and visit.is_replaced_by(track.head):
            events += self._end(track)
            track.first_ms, visit = track.seen_ms, None
        if visit is None:
            visit = self._begin(track, events)
        visit.faults = tuple(dict.fromkeys((*visit.faults, *faults)))
        self._collect(track, visit, frame)
        if visit.final:
            return [*events, *self._watch(track, visit)]

        t_ms = track.seen_ms
        full = visit.stack.frames >= self._settings.frames_to
        if full or (visit.verdict is None and visit.stack.is_enough(t_ms)):
            events += self._judge(visit, t_ms, track.head)
        elif (
            visit.verdict is None
            and visit.zone_since_ms is not None
            and t_ms - visit.zone_since_ms > PATIENCE_MS
        ):
            events += self._announce(visit, t_ms, Verdict.LOOK_AGAIN, None, _why_nothing(visit))
        return events

    def _begin(self, track: Track, events: list[Event]) -> _Visit:
        self._passages += 1
        visit = self._visits[track] = _Visit(self._passages, FaceStack(self._settings))
        events.append(PassageStarted(track.first_ms, visit.number))
        return visit

    def _watch(self, track: Track, visit: _Visit) -> list[Event]:
        """After the verdict: the same track with another temperature is another person, judged at once."""
        if visit.reading is None or not visit.stack.is_enough(track.seen_ms):
            return []
        measured, stack = visit.stack.measure(), visit.stack
        if measured is None or visit.faults:
            visit.faults = ()
            stack.clear()
            return []
        offset_c = 0.0 if self._reference is None else self._reference.offset_c(track.seen_ms)
        if (
            offset_c is None
            or abs(measured.apparent_c + offset_c - visit.reading.skin_c) <= self._settings.someone_else_c
        ):
            stack.clear()
            return []
        first_ms = stack.first_ms
        events = self._end(track)
        track.first_ms = track.seen_ms if first_ms is None else first_ms
        follower = self._begin(track, events)
        follower.stack = stack
        return [*events, *self._judge(follower, track.seen_ms, track.head)]

    def _collect(self, track: Track, visit: _Visit, frame: FloatFrame) -> None:
        """Add the frame to the stack when it is a new full frame of a near, whole and steady head."""
        # A merged frame shares half its pixels with the one before: every second is a new full frame.
        if self._updates - visit.collected_at < 2:
            return
        head, last = track.head, visit.last_head
        visit.collected_at, visit.last_head = self._updates, head
        settings = self._settings
        if not settings.head_from_px <= head.width <= settings.head_to_px or not upper_face(head).inside:
            too_far = head.width < settings.head_from_px
            visit.refused[Reason.TOO_FAR if too_far else Reason.TOO_FEW_FRAMES] += 1
            return
        if visit.zone_since_ms is None:
            visit.zone_since_ms = track.seen_ms
        if last is None or max(abs(head.column - last.column), abs(head.top - last.top)) > settings.motion_px:
            visit.refused[Reason.BLURRED] += 1
        elif not visit.stack.add(track.seen_ms, frame, head):
            visit.refused[Reason.SENSOR_FAULT] += 1

    def _judge(self, visit: _Visit, t_ms: int, head: Head) -> list[Event]:
        measured = visit.stack.measure()
        if measured is None:
            return self._announce(visit, t_ms, Verdict.LOOK_AGAIN, None, _why_nothing(visit))
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
            reasons=tuple(reasons),
        )
        verdict, why = decide(self._settings, reading)
        visit.spot = head
        return self._announce(visit, t_ms, verdict, replace(reading, reasons=why), why)

    def _announce(
        self, visit: _Visit, t_ms: int, verdict: Verdict, reading: Reading | None, reasons: tuple[Reason, ...]
    ) -> list[Event]:
        news = (verdict, reasons) != (visit.verdict, visit.reasons)
        visit.verdict, visit.reasons = verdict, reasons
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
                events += self._judge(visit, t_ms, track.head)
            else:
                events += self._announce(visit, t_ms, Verdict.LOOK_AGAIN, None, _why_nothing(visit))
        verdict = visit.verdict or Verdict.LOOK_AGAIN
        if visit.reading is not None:
            self._baseline.learn(verdict, visit.reading)
        passage = Passage(track.first_ms, track.seen_ms, verdict, visit.reading, visit.reasons)
        return [*events, PassageEnded(t_ms, visit.number, passage)]


def _why_nothing(visit: _Visit) -> tuple[Reason, ...]:
    """Reasons of a passage without a reading: too few frames, and what most of the refused ones had."""
    usual = [reason for reason, _ in visit.refused.most_common(1)]
    return tuple(dict.fromkeys((*visit.faults, Reason.TOO_FEW_FRAMES, *usual)))
