"""Valid files made invalid: bytes changed, cut, doubled, moved, or replaced by numbers that parsers stumble over."""

from __future__ import annotations

import numpy as np

_NUMBERS = [
    bytes(4),
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\0\0\0",
    b"\0\0\0\x80",
    b"\0",
    b'"',
    b"\n",
    b",",
    b"\xff\xd9",
]


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    """One to eight changes at random places."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        at, n = int(rng.integers(len(changed) + 1)), int(rng.integers(1, 65))
        match int(rng.integers(6)):
            case 0:
                changed[at : at + 1] = rng.bytes(1)
            case 1:
                number = _NUMBERS[int(rng.integers(len(_NUMBERS)))]
                changed[at : at + len(number)] = number
            case 2:
                del changed[at : at + n]
            case 3:
                changed[at:at] = changed[at : at + n] * int(rng.integers(1, 20))
            case 4:
                other = int(rng.integers(len(changed) + 1))
                changed[at:at] = changed[other : other + n]
            case _:
                del changed[at:]
    return bytes(changed)
