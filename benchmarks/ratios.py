"""The cost of one computation relative to another, measured alternately in one run, because machines are noisy."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """ratio: median over the pairs; low, high: their quartiles. target: an upper bound, a lower one if `at_least`;
    holds: None without a target."""

    what: str
    ratio: float
    low: float
    high: float
    target: float | None = None
    holds: bool | None = None
    at_least: bool = False


def compare_costs(
    what: str,
    ours: Callable[[], Any],
    bare: Callable[[], Any],
    pairs: int,
    target: float | None = None,
    at_least: bool = False,
    warm: int = 2,
) -> Row:
    """Times both in pairs, each first in every other pair, after `warm` rounds that do not count."""
    for _ in range(warm):
        ours(), bare()
    ratios = []
    for k in range(pairs):
        first, second = (ours, bare) if k % 2 else (bare, ours)
        start = time.perf_counter()
        first()
        middle = time.perf_counter()
        second()
        end = time.perf_counter()
        times = {first: middle - start, second: end - middle}
        ratios.append(times[ours] / times[bare])
    low, ratio, high = (float(x) for x in np.percentile(ratios, [25, 50, 75]))
    holds = None if target is None else ratio >= target if at_least else ratio <= target
    return Row(what, ratio, low, high, target, holds, at_least)


def exhaust(steps: Iterable[Any]) -> None:
    """Run through all steps, whatever they yield."""
    deque(steps, maxlen=0)
