"""The same photograph again, in other light, turned, mirrored, cropped or written on: candidates by points alike, confirmed by detail.

Lesion images look alike as wholes: a dark spot in the middle of skin. So nothing is compared as a whole: two photographs are candidates
when some of their points agree where the one lies in the other, and a pair when, laid over each other, their fine detail correlates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.runs import Run, part
from data_audit.aligning import agreement
from data_audit.neighbours import candidates
from data_audit.traces import Trace

SAME = 0.82  # correlation of fine detail from which it is the same photograph
TOGETHER = 200  # candidates compared between two progress reports


@dataclass(frozen=True)
class Pair:
    """Rows of two images; correlation of their fine detail when aligned, −1…1."""

    one: int
    other: int
    correlation: float


def same_photographs(traces: Sequence[Trace], border: int = 0) -> Run[list[Pair]]:
    """Pairs of photographs, each once; the cost grows with their number, not its square.

    border: if not 0, only pairs that lie on both sides of it.
    """
    found: dict[tuple[int, int], float] = {}
    likely = yield from part(candidates(traces, border), 0, 0.5)
    for k, (one, other, mirrored, _) in enumerate(likely.tolist()):
        correlation = agreement(traces[one], traces[other].mirrored if mirrored else traces[other])
        if correlation >= SAME:
            found[one, other] = max(correlation, found.get((one, other), SAME))
        if k % TOGETHER == TOGETHER - 1:
            yield len(likely) + k + 1, 2 * len(likely)
    return [Pair(one, other, correlation) for (one, other), correlation in found.items()]
