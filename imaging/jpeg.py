"""A JPEG's segments: its frame, how many scans it has, where it ends, and whether it is whole."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

MAX_SEGMENTS = 10_000
MAX_SCANS = 100  # cameras write 1, libjpeg's progressive script 10
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without content
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = {0xC2, 0xCA}
_DATA = bytes((73 * k + 41) % 251 for k in range(4096))  # as good as any picture data, and more than one coded unit takes
_FILL = _DATA + b"".join(bytes((0xFF, 0xD0 + k)) + _DATA for k in range(8))  # with each of the markers at which data may start anew


@dataclass(frozen=True)
class Jpeg:
    """frame: the marker of its coding; scans: their number, up to MAX_SCANS + 1; tables, start, end: where the segments a decoder needs
    are, and the picture's data up to the end marker (−1 where there is none); complete: every coefficient has a scan."""

    frame: int
    width: int
    height: int
    components: int
    scans: int
    complete: bool
    tables: tuple[tuple[int, int], ...]
    start: int
    end: int
    exif: bytes


def read_jpeg(data: bytes) -> Jpeg:
    """Raises ValueError, struct.error or IndexError for a corrupt one. Much quicker than decoding even a small picture."""
    frame, size, exif, tables, at = 0, (0, 0, 0), b"", [], 2
    for _ in range(MAX_SEGMENTS):
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xDA:
            break
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2  # a fill byte, or a marker without content
            continue
        end = at + 2 + max(data[at + 2] << 8 | data[at + 3], 2)
        if marker in _FRAMES:
            frame, size = marker, struct.unpack_from(">HHB", data, at + 5)
        if marker == 0xE1 and not exif and data.startswith(b"Exif\0\0", at + 4):
            exif = data[at + 4 : end]
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            tables.append((at, end))
        at = end
    else:
        raise ValueError("too many segments")
    if not frame:
        raise ValueError("no frame")
    height, width, components = size
    end = data.find(b"\xff\xd9", at)
    scans, complete = 1, True
    if frame in _PROGRESSIVE or data[at + 4] < components:  # else libjpeg reads one scan, whatever follows
        scans, complete = _scans(data, at, end, components, 64 if frame in _PROGRESSIVE else 1)
    return Jpeg(frame, width, height, components, scans, complete, tuple(tables), at, end, exif)


def _scans(data: bytes, at: int, end: int, components: int, needed: int) -> tuple[int, bool]:
    """Their number, up to MAX_SCANS + 1, and whether they bring so many coefficients of every component to full precision."""
    scans, finished = 0, dict[int, set[int]]()
    while at >= 0 and scans <= MAX_SCANS:
        scans += 1
        n = data[at + 4]
        first, last, bits = data[at + 5 + 2 * n : at + 8 + 2 * n]
        if bits & 15 == 0:
            for component in data[at + 5 : at + 5 + 2 * n : 2]:
                finished.setdefault(component, set()).update(range(first, min(last, 63) + 1))
        at = data.find(b"\xff\xda", at + 2, end if end >= 0 else len(data))
    return scans, sum(len(coefficients) >= needed for coefficients in finished.values()) >= components


def is_whole(data: bytes, jpeg: Jpeg, flat: bool) -> bool:
    """Whether a JPEG that has an end marker has all its data; flat: its last row ends in one colour, as where data are missing.

    A decoder completes missing data in silence. So more data are put before the end marker: where all were there, it passes over
    them; where some are missing, it takes them for those, and the picture changes.
    """
    if jpeg.end < 0 or not jpeg.complete:
        return False
    if jpeg.frame not in _HUFFMAN or (jpeg.scans == 1 and not flat):
        return True
    tables = b"".join(data[a:b] for a, b in jpeg.tables)
    picture = b"\xff\xd8" + tables + data[jpeg.start : jpeg.end]
    given, filled = (_decoded(picture + more + b"\xff\xd9", jpeg) for more in (b"", _FILL))
    return given is not None and filled is not None and np.array_equal(given, filled)


def _decoded(data: bytes, jpeg: Jpeg) -> np.ndarray | None:
    """By Pillow, which does not print what libjpeg has to say; of a single scan an eighth of the size, at a third of the cost."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            if jpeg.scans == 1:
                picture.draft("L", (max(1, jpeg.width // 8), max(1, jpeg.height // 8)))
            return np.asarray(picture)
    except (OSError, ValueError, SyntaxError):
        return None
