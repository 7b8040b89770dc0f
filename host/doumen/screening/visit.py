"""One person in view: the frames collected, the verdict so far, and whether it is still the same person."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from doumen.config import ScreeningSettings
from doumen.model import Reading, Reason, Verdict
from doumen.screening.background import FloatFrame
from doumen.screening.face import Head, upper_face
from doumen.screening.reading import FaceStack

# Someone who stands in the measuring zone this long without a reading is told to look again, ms.
PATIENCE_MS = 1_500
# After the verdict, in head widths: who was so far from the spot has left it, and who is so near is on it.
LEFT_HEADS, BACK_HEADS, SHRUNK = 0.6, 0.35, 0.7
# And for so many subpages: torn between two, a head that starts to leave looks small for a moment.
STRANGE_FOR = 4


@dataclass(slots=True)
class Visit:
    """What is known of a person in view. `spot` is the head that the verdict was reached on."""

    number: int
    settings: ScreeningSettings
    stack: FaceStack
    verdict: Verdict | None = None
    reading: Reading | None = None
    reasons: tuple[Reason, ...] = ()
    faults: tuple[Reason, ...] = ()
    spot: Head | None = None
    _last_head: Head | None = None
    _half_frames: int = 0
    _zone_since_ms: int | None = None
    _refused: set[Reason] = field(default_factory=set[Reason])
    _left_spot: bool = False
    _strange: int = 0

    @property
    def final(self) -> bool:
        """PASS and ELEVATED stand; LOOK_AGAIN may be taken back by better frames."""
        return self.verdict in (Verdict.PASS, Verdict.ELEVATED)

    def collect(self, t_ms: int, frame_c: FloatFrame, head: Head, faults: Iterable[Reason]) -> None:
        """Keep the frame when it is a new full frame of a near, whole and steady head.

        frame_c: (24, 32), °C. A merged frame shares half its pixels with the one before: every second is new.
        """
        self.faults = tuple(dict.fromkeys((*self.faults, *faults)))
        self._half_frames += 1
        if self._half_frames % 2 == 0:
            return
        last, self._last_head = self._last_head, head
        settings = self.settings
        if not settings.head_from_px <= head.width <= settings.head_to_px or not upper_face(head).inside:
            too_far = head.width < settings.head_from_px
            self._refused.add(Reason.TOO_FAR if too_far else Reason.TOO_FEW_FRAMES)
            return
        if self._zone_since_ms is None:
            self._zone_since_ms = t_ms
        if last is None or max(abs(head.column - last.column), abs(head.top - last.top)) > settings.motion_px:
            self._refused.add(Reason.BLURRED)
        elif not self.stack.add(t_ms, frame_c, head):
            self._refused.add(Reason.SENSOR_FAULT)

    def is_due(self, t_ms: int) -> bool:
        """Whether there are frames for a verdict, or enough new ones for another look."""
        if self.verdict is None or self.final:
            return self.stack.is_enough(t_ms)
        return self.stack.frames >= self.settings.frames_to

    def is_overdue(self, t_ms: int) -> bool:
        """Whether the person has stood here for long and no reading came of it."""
        since_ms = self._zone_since_ms
        return self.verdict is None and since_ms is not None and t_ms - since_ms > PATIENCE_MS

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
        self._left_spot |= away > LEFT_HEADS
        strange = away < BACK_HEADS and (self._left_spot or head.width < SHRUNK * spot.width)
        self._strange = self._strange + 1 if strange else 0
        return self._strange >= STRANGE_FOR

    def settle(
        self, verdict: Verdict, reading: Reading | None, reasons: tuple[Reason, ...], spot: Head | None
    ) -> bool:
        """Take a verdict; True when it says something new. A second look stands on frames of its own."""
        news = (verdict, reasons) != (self.verdict, self.reasons)
        self.verdict, self.reasons = verdict, reasons
        self.reading, self.spot = reading or self.reading, spot or self.spot
        self.start_over()
        return news

    def start_over(self) -> None:
        """Forget the frames, and the faults that were known against them."""
        self.stack.clear()
        self.faults = ()

    def why_nothing(self) -> tuple[Reason, ...]:
        """Reasons of a passage without a reading: too few frames, and what stood against the others.

        Everybody is too far at first: that counts only for who never came near.
        """
        refused = set(self._refused)
        if self._zone_since_ms is not None:
            refused.discard(Reason.TOO_FAR)
        return tuple(dict.fromkeys((*self.faults, Reason.TOO_FEW_FRAMES, *sorted(refused))))
