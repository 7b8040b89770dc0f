"""Connected warm blobs of a frame, as runs of pixels.

At 24 x 32 pixels a row of a blob is one or two runs, so plain Python over runs costs less than labelling
whole arrays, and what comes after (head, width, neck) wants runs anyway.
"""

from dataclasses import dataclass

import numpy as np

from doumen.screening.background import BoolFrame

# start and end (excluded) column
Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Blob:
    """A connected blob: the runs of each row from `top` down, never an empty row."""

    top: int
    rows: tuple[tuple[Run, ...], ...]

    @property
    def area_px(self) -> int:
        return sum(end - start for row in self.rows for start, end in row)


def find_blobs(warm: BoolFrame, area_px: int) -> list[Blob]:
    """Blobs (4 neighbours) of at least `area_px` pixels, lone pixels dropped, largest first.

    warm: (24, 32).
    """
    if np.count_nonzero(warm) < area_px:
        return []
    # (row, start, end), and for each its parent in the forest of touching runs.
    runs: list[tuple[int, int, int]] = []
    parent: list[int] = []
    above: list[int] = []
    here: list[int] = []
    last_row = -1
    for row, start, end in _runs(_solid(warm)):
        if row != last_row:
            above, here = (here if row == last_row + 1 else []), []
            last_row = row
        label = len(runs)
        runs.append((row, start, end))
        parent.append(label)
        here.append(label)
        for other in above:
            if runs[other][1] < end and start < runs[other][2]:
                parent[_root(parent, other)] = _root(parent, label)

    rows_of: dict[int, dict[int, list[Run]]] = {}
    for label, (row, start, end) in enumerate(runs):
        rows_of.setdefault(_root(parent, label), {}).setdefault(row, []).append((start, end))
    blobs = [Blob(min(rows), tuple(tuple(rows[row]) for row in sorted(rows))) for rows in rows_of.values()]
    big = [blob for blob in blobs if blob.area_px >= area_px]
    return sorted(big, key=lambda blob: -blob.area_px)


def _solid(warm: BoolFrame) -> BoolFrame:
    """Pixels of which five or more of nine are warm: noise makes ones and twos, a straight edge has six."""
    padded = np.zeros((warm.shape[0] + 2, warm.shape[1] + 2), np.int8)
    padded[1:-1, 1:-1] = warm
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return warm & (columns[:-2] + columns[1:-1] + columns[2:] >= 5)


def _runs(mask: BoolFrame) -> list[tuple[int, int, int]]:
    """(row, start, end) of every run of the mask, top to bottom, left to right."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.bool_)
    padded[:, 1:-1] = mask
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])
    ends = columns.tolist()
    return list(zip(rows[::2].tolist(), ends[::2], ends[1::2], strict=True))


def _root(parent: list[int], label: int) -> int:
    while parent[label] != label:
        label = parent[label]
    return label
