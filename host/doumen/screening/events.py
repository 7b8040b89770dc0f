"""What a screener tells: a person came, has a verdict, is gone. Times are the subpages' own, ms."""

from dataclasses import dataclass

from doumen.model import Passage, Reading, Reason, Verdict


@dataclass(frozen=True, slots=True)
class PassageStarted:
    """A person came into view at `t_ms`, some subpages ago. `number` counts passages of a screener from 1."""

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
    """The person is gone, or somebody else stands in their place; `passage` goes to the store."""

    t_ms: int
    number: int
    passage: Passage


Event = PassageStarted | VerdictReached | PassageEnded
