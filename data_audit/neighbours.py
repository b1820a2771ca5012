"""Which photographs could be the same: those with three or more points alike that agree where one lies in the other.

Points are dealt into small cells by the signs of their descriptors' strongest components, anew for each table, and compared within a
cell alone. There are as many cells as points ask for, so the cost grows with the number of photographs, not with its square.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from core.runs import Run
from data_audit.traces import SIDE, SIGNS, Trace

TABLES = 4
ROOM = 256  # points in a cell on average
FULL = 2048  # points compared at once at most
STRONG = 16  # components whose signs choose the cell
NEAREST = 2  # points of other photographs that each point may name in a cell
LIKE = 0.6  # cosine from which it does
VOTES = 3  # agreeing points that make a candidate
PARTNERS = 6  # candidates of a photograph at most; each may be one of another's besides
GRIDS = 3  # of scale, angle and place in which votes are counted, so that few fall on either side of an edge
ANGLES, CELL = 9, SIDE / 6  # directions around, and pixels of place, that count as one
ZOOM = 2.0  # octaves of scale between two photographs at most


def candidates(traces: Sequence[Trace], border: int = 0) -> Run[np.ndarray]:
    """int (M, 4): rows of two photographs, the lower first, 1 if one is mirrored, and how many points agree; the most first.

    border: if not 0, only pairs that lie on both sides of it.
    """
    owner = np.repeat(np.arange(len(traces)), [len(t.points) for t in traces])
    if len(owner) < 2:
        return np.zeros((0, 4), int)
    described, signs = _whitened(np.concatenate([t.descriptors for t in traces]))
    party = owner >= border if border else owner
    rng = np.random.default_rng(0)
    bits = max(0, int(np.ceil(np.log2(len(owner) / ROOM))))
    votes = [np.zeros((3, 0), np.int64)]
    for table in range(TABLES):
        flip, cell = _dealt(described, signs, bits, table, rng)
        order = np.argsort(cell, kind="stable")
        edges = np.flatnonzero(np.diff(cell[order], prepend=-1, append=-1))
        for k, (start, end) in enumerate(pairwise(edges.tolist())):
            for first in range(start, end, FULL):
                votes.append(_named(order[first : min(first + FULL, end)], described, signs, flip, party))
            if k % 256 == 0:
                yield table * len(edges) + k, TABLES * len(edges)
    return _agreed(traces, owner, np.concatenate(votes, axis=1), rng)


def _whitened(descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 (N, k) of length 1, the component that varies most first, and float32 (k,): the signs of a mirrored photograph.

    The strongest components are weakened by the square root of their deviation; those that change sign in a mirror have no mean.
    """
    step = max(1, len(descriptors) // 50_000)
    sample = descriptors[::step].astype(np.float32)
    mean = np.where(SIGNS > 0, sample.mean(axis=0), 0)
    spread = np.sqrt(((sample - mean) ** 2).mean(axis=0)) + 1
    order = np.argsort(-spread, kind="stable")
    out = np.empty(descriptors.shape, np.float32)
    for first in range(0, len(out), 50_000):
        rows = ((descriptors[first : first + 50_000] - mean) / np.sqrt(spread))[:, order]
        out[first : first + 50_000] = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6)
    return out, SIGNS[order].astype(np.float32)


def _dealt(described: np.ndarray, signs: np.ndarray, bits: int, table: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """bool (N,): whether a descriptor is mirrored first, so that a point and its mirror image share a cell; int (N,): the cell."""
    odd = np.flatnonzero(signs < 0)[table]
    flip = described[:, odd] < 0
    cell = np.zeros(len(flip), np.int64)
    strong = described[:, :STRONG]
    turns = np.concatenate([np.linalg.qr(rng.normal(size=(STRONG, STRONG)))[0] for _ in range(bits // STRONG + 1)], axis=1)[:, :bits]
    turns = (turns / strong[:: max(1, len(strong) // 50_000)].std(axis=0)[:, None]).astype(np.float32)
    for first in range(0, len(flip), 50_000):
        rows = slice(first, first + 50_000)
        upright = np.where(flip[rows, None], strong[rows] * signs[:STRONG], strong[rows])
        cell[rows] = (upright @ turns > 0) @ (1 << np.arange(bits))
    return flip, cell


def _named(rows: np.ndarray, described: np.ndarray, signs: np.ndarray, flip: np.ndarray, party: np.ndarray) -> np.ndarray:
    """int (3, M): points, the lower first, that are each other's or one's nearest in this cell, and 1 if one is mirrored."""
    here = np.where(flip[rows, None], described[rows] * signs, described[rows])
    alike = here @ here.T
    alike[party[rows][:, None] == party[rows]] = -1
    found = []
    lines = np.arange(len(rows))
    for _ in range(NEAREST):
        best = alike.argmax(axis=1)
        near = alike[lines, best] >= LIKE
        one, other = rows[near], rows[best[near]]
        found.append(np.stack([np.minimum(one, other), np.maximum(one, other), flip[one] ^ flip[other]]))
        alike[lines, best] = -1
    return np.concatenate(found, axis=1)


def _agreed(traces: Sequence[Trace], owner: np.ndarray, votes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The pairs of photographs whose points agree (Hough): each vote says at what scale, angle and place one lies in the other."""
    n = len(traces)
    code = np.sort((votes[0] * len(owner) + votes[1]) * 2 + votes[2])
    code = code[np.diff(code, prepend=-1) > 0]
    one, other, mirror = code // 2 // len(owner), code // 2 % len(owner), code % 2
    pair = (owner[one] * n + owner[other]) * 2 + mirror
    _, number, total = np.unique(pair, return_inverse=True, return_counts=True)
    several = total[number] >= VOTES
    one, other, mirror, pair = one[several], other[several], mirror[several], pair[several]
    zoom, angle, place = _laid(traces, owner, one, other, mirror)
    pairs, number = np.unique(pair, return_inverse=True)
    counts = np.zeros(len(pairs), int)
    for _ in range(GRIDS):
        shift = rng.uniform(size=4)
        octave = np.floor(zoom + shift[0]).astype(int)
        turn = np.floor(angle / (2 * np.pi) * ANGLES + shift[1]).astype(int) % ANGLES
        x, y = np.clip(np.floor(place / (CELL * 2.0 ** np.maximum(octave, 0)) + shift[2:, None]).astype(int) + 64, 0, 127)
        bins = (((number * 16 + np.clip(octave + 8, 0, 15)) * ANGLES + turn) * 128 + x) * 128 + y
        _, first, count = np.unique(bins, return_index=True, return_counts=True)
        np.maximum.at(counts, number[first], np.where(np.abs(zoom[first]) <= ZOOM, count, 0))
    pairs, counts = pairs[counts >= VOTES], counts[counts >= VOTES]
    order = np.argsort(-counts, kind="stable")
    pairs = pairs[order]
    found = np.stack([pairs // 2 // n, pairs // 2 % n, pairs % 2, counts[order]], axis=1)
    return found[_first_of_each(found[:, :2], n)]


def _first_of_each(pairs: np.ndarray, n: int) -> np.ndarray:
    """bool (M,): pairs, in order, that are among the first `PARTNERS` of either photograph."""
    ends = pairs.ravel()
    order = np.argsort(ends, kind="stable")
    starts = np.searchsorted(ends[order], np.arange(n))
    rank = np.empty(len(ends), int)
    rank[order] = np.arange(len(ends)) - starts[ends[order]]
    leading: np.ndarray = rank.reshape(-1, 2).min(axis=1)
    return leading < PARTNERS


def _laid(
    traces: Sequence[Trace], owner: np.ndarray, one: np.ndarray, other: np.ndarray, mirror: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each vote: octaves of scale, angle in radians, and float (2, M): where the middle of the one lies in the other."""
    points = np.concatenate([t.points for t in traces]).astype(np.float32)
    shapes = np.array([t.grey.shape for t in traces], np.float32)
    (x, y, size, angle), (u, v, wide, turned) = points[one].T, points[other].T
    u = np.where(mirror, shapes[owner[other], 1] - 1 - u, u)
    turn = np.where(mirror, np.pi - turned, turned) - angle
    scale = wide / size
    down, right = (shapes[owner[one]] / 2).T
    across, along = right - x, down - y
    place = np.stack(
        [u + scale * (np.cos(turn) * across - np.sin(turn) * along), v + scale * (np.sin(turn) * across + np.cos(turn) * along)]
    )
    return np.log2(scale), turn % (2 * np.pi), place
