"""Warm blobs, and heads followed from frame to frame.

Blobs are labelled by runs: at 24 x 32 pixels a row has one or two runs, so plain Python over runs costs
less than whole-array relabelling. Heads are assigned to tracks greedily, nearest first, to where the
track's speed puts them.
"""

from dataclasses import dataclass, field

import numpy as np

from doumen.screening.background import BoolFrame
from doumen.screening.face import Head

# A walker leaving sideways at 0.5 m moves 4 pixels a subpage; two people are at least a head apart.
NEAR_PX = 5.0
SIGHTINGS_TO_START = 3


def find_blobs(warm: BoolFrame, area_px: int) -> list[BoolFrame]:
    """Connected blobs (4 neighbours) of at least `area_px` pixels, lone pixels dropped, largest first.

    warm: (24, 32). Returns (24, 32) masks.
    """
    if int(warm.sum()) < area_px:
        return []
    padded = np.zeros((warm.shape[0] + 2, warm.shape[1] + 2), np.int8)
    padded[1:-1, 1:-1] = warm
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    neighbours = columns[:-2] + columns[1:-1] + columns[2:]
    # Noise makes single pixels and pairs; a pixel inside or at a straight edge has five or more of nine.
    solid = warm & (neighbours >= 5)

    parent: list[int] = []
    runs: list[tuple[int, int, int]] = []
    above: list[int] = []
    edges = np.diff(solid.astype(np.int8), axis=1, prepend=0, append=0)
    for row in range(solid.shape[0]):
        ends = np.flatnonzero(edges[row]).tolist()
        here: list[int] = []
        for start, end in zip(ends[::2], ends[1::2], strict=True):
            label = len(parent)
            parent.append(label)
            runs.append((row, start, end))
            here.append(label)
            for other in above:
                if runs[other][1] < end and start < runs[other][2]:
                    parent[_root(parent, other)] = _root(parent, label)
        above = here

    masks: dict[int, BoolFrame] = {}
    for label, (row, start, end) in enumerate(runs):
        mask = masks.setdefault(_root(parent, label), np.zeros(warm.shape, np.bool_))
        mask[row, start:end] = True
    big = [mask for mask in masks.values() if int(mask.sum()) >= area_px]
    return sorted(big, key=lambda mask: -int(mask.sum()))


def _root(parent: list[int], label: int) -> int:
    while parent[label] != label:
        label = parent[label]
    return label


@dataclass(slots=True, eq=False)
class Track:
    """One head over time. `speed` is pixels a subpage (down, right); `started` once seen often enough."""

    head: Head
    first_ms: int
    seen_ms: int
    sightings: int = 1
    speed: tuple[float, float] = (0.0, 0.0)

    @property
    def started(self) -> bool:
        return self.sightings >= SIGHTINGS_TO_START

    def distance_px(self, head: Head) -> float:
        """How far `head` is from where this track should be now, pixels; columns count, rows a little."""
        down, right = self.head.top + self.speed[0], self.head.column + self.speed[1]
        return float(np.hypot(head.column - right, 0.5 * (head.top - down)))

    def follow(self, t_ms: int, head: Head) -> None:
        """The head was seen again."""
        moved = (head.top - self.head.top, head.column - self.head.column)
        self.speed = ((self.speed[0] + moved[0]) / 2, (self.speed[1] + moved[1]) / 2)
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
                (track.distance_px(head), i, j)
                for i, track in enumerate(self.tracks)
                for j, head in enumerate(heads)
            ),
        )
        free_tracks, free_heads = set(range(len(self.tracks))), set(range(len(heads)))
        for distance, i, j in pairs:
            if distance <= NEAR_PX and i in free_tracks and j in free_heads:
                self.tracks[i].follow(t_ms, heads[j])
                free_tracks.discard(i)
                free_heads.discard(j)
        self.tracks += [Track(heads[j], t_ms, t_ms) for j in sorted(free_heads)]
        return ended

    def end_all(self) -> list[Track]:
        """Forget everybody; returns who was being followed."""
        ended, self.tracks = self.tracks, []
        return ended
