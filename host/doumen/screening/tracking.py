"""Heads followed from frame to frame.

They are assigned to tracks greedily, nearest first, to where the track's speed puts them: enough for people
in single file; crossing people need the better assignment that has its place here.
"""

import math
from dataclasses import dataclass, field

from doumen.screening.face import Head

# A walker who starts to leave sideways at 0.5 m jumps 5 pixels in a subpage, half a head; two people in
# single file are more than a head apart.
NEAR_HEADS, NEAREST_PX = 0.8, 4.0
SIGHTINGS_TO_START = 4
# A head seen again after longer than this has had time to stop, ms.
PREDICTED_MS = 250


@dataclass(slots=True, eq=False)
class Track:
    """One head over time. `speed` is pixels a ms (down, right); `started` once seen often enough."""

    head: Head
    first_ms: int
    seen_ms: int
    sightings: int = 1
    speed: tuple[float, float] = (0.0, 0.0)

    @property
    def started(self) -> bool:
        return self.sightings >= SIGHTINGS_TO_START

    def distance_px(self, t_ms: int, head: Head) -> float:
        """How far `head` is from where this track should be now, pixels; columns count, rows half."""
        elapsed_ms = min(t_ms - self.seen_ms, PREDICTED_MS)
        down = self.head.top + self.speed[0] * elapsed_ms
        right = self.head.column + self.speed[1] * elapsed_ms
        return math.hypot(head.column - right, 0.5 * (head.top - down))

    def follow(self, t_ms: int, head: Head) -> None:
        """The head was seen again."""
        elapsed_ms = max(t_ms - self.seen_ms, 1)
        down, right = (head.top - self.head.top) / elapsed_ms, (head.column - self.head.column) / elapsed_ms
        self.speed = ((self.speed[0] + down) / 2, (self.speed[1] + right) / 2)
        self.head, self.seen_ms = head, t_ms
        self.sightings += 1


@dataclass(slots=True)
class Tracker:
    """All heads in view. A track ends when its head was not seen for longer than `lost_ms`."""

    lost_ms: int
    tracks: list[Track] = field(default_factory=list[Track])

    def update(self, t_ms: int, heads: list[Head]) -> list[Track]:
        """Assign heads to tracks, start new ones; returns the tracks that have just ended."""
        ended = [track for track in self.tracks if t_ms - track.seen_ms > self.lost_ms]
        self.tracks = [track for track in self.tracks if track not in ended]
        pairs = sorted(
            (
                (track.distance_px(t_ms, head), i, j)
                for i, track in enumerate(self.tracks)
                for j, head in enumerate(heads)
            ),
        )
        free_tracks, free_heads = set(range(len(self.tracks))), set(range(len(heads)))
        for distance, i, j in pairs:
            near_px = max(NEAREST_PX, NEAR_HEADS * self.tracks[i].head.width)
            if distance <= near_px and i in free_tracks and j in free_heads:
                self.tracks[i].follow(t_ms, heads[j])
                free_tracks.discard(i)
                free_heads.discard(j)
        self.tracks += [Track(heads[j], t_ms, t_ms) for j in sorted(free_heads)]
        return ended

    def end_all(self) -> list[Track]:
        """Forget everybody; returns who was being followed."""
        ended, self.tracks = self.tracks, []
        return ended
