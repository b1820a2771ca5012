"""Pictures drawn for hostile tests, and the pieces their files are taken apart into."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def photo(size: tuple[int, int] = (90, 120), seed: int = 1) -> np.ndarray:
    """Noisy everywhere, so that no row is of one colour."""
    noise = np.random.default_rng(seed).normal(150, 45, (*size, 3)).clip(0, 255).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


def saved(kind: str, image: np.ndarray | Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    given = photo() if image is None else image
    (given if isinstance(given, Image.Image) else Image.fromarray(given)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, bits: int, colour: int, *between: bytes, rows: bytes | None = None) -> bytes:
    """A PNG of zeros (or of `rows`), with chunks between its header and its pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + -(-width * channels * bits // 8)
    if rows is None:
        packer = zlib.compressobj(9)
        packed = b"".join(packer.compress(bytes(row * min(64, height - k))) for k in range(0, height, 64)) + packer.flush()
    else:
        packed = zlib.compress(rows)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(between) + chunk(b"IDAT", packed) + chunk(b"IEND")


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    return jpeg[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def exif(tags: list[tuple[int, int, int, int]], order: str = "<", n: int | None = None) -> bytes:
    """TIFF bytes of one directory; tags: number, type, count, value as four bytes."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    entries = b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags)
    return head + struct.pack(f"{order}H", len(tags) if n is None else n) + entries + bytes(4)
