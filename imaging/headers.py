"""What the header of a picture file says, read without the libraries that decode it: size, turn, and what decoding will take."""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from imaging.jpeg import Jpeg, read_jpeg

MAX_PARTS = 100_000  # chunks of a PNG, of which some writers make one every 8 kB
MAX_FRAMES = 1_000  # of an animation, of which the first is shown
MAX_TAGS = 512
MAX_TILES = 100_000
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Stored:
    """width, height: pixels as stored; held: bytes a pixel that the decoder and its output take; orientation: of EXIF, 1 to 8;
    jpeg: its segments, where it is one."""

    width: int
    height: int
    held: int
    orientation: int = 1
    jpeg: Jpeg | None = None


class TooMuch(ValueError):
    """More parts than any camera writes; the message completes “the picture …”."""


def read_stored(data: bytes, kind: str) -> Stored:
    """Raises ValueError, struct.error or IndexError for a corrupt header, TooMuch for one with too many parts."""
    return _READERS[kind](data)


def _jpeg(data: bytes) -> Stored:
    jpeg = read_jpeg(data)
    # with several scans libjpeg keeps all coefficients, and the picture is decoded a second time to see whether it is whole
    held = 3 if jpeg.scans == 1 else 6 + 2 * jpeg.components
    return Stored(jpeg.width, jpeg.height, max(held, jpeg.components), orientation_of(jpeg.exif), jpeg)


def _png(data: bytes) -> Stored:
    if data[12:16] != b"IHDR":
        raise ValueError("no IHDR")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 4, 3: 4, 4: 4, 6: 4}[colour]  # as OpenCV expands them
    exif = next((data[at : at + size] for kind, at, size in png_chunks(data) if kind == b"eXIf"), b"")
    return Stored(width, height, channels * (2 if bits == 16 else 1), orientation_of(exif))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and size of each chunk's content, up to the end or to where the file is cut off."""
    at = 8
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + size > len(data):
            return
        yield kind, at + 8, size
        if kind == b"IEND":
            return
        at += 12 + size
    raise TooMuch(f"consists of more than {MAX_PARTS:,} parts")


def _bmp(data: bytes) -> Stored:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return Stored(width, abs(height), 4)


def _webp(data: bytes) -> Stored:
    width = height = frames = 0
    exif, at = b"", 12
    for _ in range(MAX_PARTS):
        if at + 8 > len(data) or frames > MAX_FRAMES:
            break
        kind, size = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if kind == b"VP8X":
            width, height = (int.from_bytes(data[body + k : body + k + 3], "little") + 1 for k in (4, 7))
        elif kind == b"VP8 " and not width:
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, body + 6))
        elif kind == b"VP8L" and not width:
            packed = struct.unpack_from("<I", data, body + 1)[0]
            width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        elif kind == b"EXIF":
            exif = data[body : body + size]
        frames += kind == b"ANMF"
        at = body + size + size % 2
    if frames > MAX_FRAMES:
        raise TooMuch(f"has more than {MAX_FRAMES:,} frames")
    return Stored(width, height, 16 if frames else 8, orientation_of(exif))


def _tiff(data: bytes) -> Stored:
    tags = _first_tags(data)
    width, height = tags[256], tags[257]
    bits, samples = tags.get(258, 1), tags.get(277, 1)
    tile = tags.get(322, width), tags.get(323, height)
    if width and height and (not all(tile) or -(-width // tile[0]) * -(-height // tile[1]) > MAX_TILES):
        raise TooMuch(f"consists of more than {MAX_TILES:,} tiles")
    if not 1 <= samples <= 8 or bits > 64:
        raise TooMuch(f"has {samples} channels of {bits} bits")
    pixel = max(samples * -(-bits // 8), 4)
    spread = -(-max(tile[0] * tile[1], width * height) // max(width * height, 1))  # a tile may be larger than the picture
    return Stored(width, height, pixel * spread + (pixel if tile[0] * tile[1] > 1 << 22 else 0), tags.get(ORIENTATION, 1))


def _heif(data: bytes) -> Stored:
    from pi_heif import register_heif_opener

    register_heif_opener()
    with Image.open(io.BytesIO(data), formats=["HEIF"]) as picture:
        return Stored(*picture.size, 8)  # Pillow turns it upright itself


_READERS: dict[str, Callable[[bytes], Stored]] = {"JPEG": _jpeg, "PNG": _png, "BMP": _bmp, "WEBP": _webp, "TIFF": _tiff, "HEIF": _heif}


def orientation_of(exif: bytes) -> int:
    """EXIF orientation; 1 where there is none, or where it is broken: the picture itself may be whole."""
    try:
        found = _first_tags(exif.removeprefix(b"Exif\0\0")).get(ORIENTATION, 1) if exif else 1
    except (ValueError, struct.error, KeyError):
        return 1
    return found if 1 <= found <= 8 else 1


def _first_tags(data: bytes) -> dict[int, int]:
    """The first value of each whole-number tag in the first directory of a TIFF; none of another page is looked at."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    n = struct.unpack_from(f"{order}H", data, at)[0]
    if n > MAX_TAGS:
        raise TooMuch(f"has more than {MAX_TAGS} tags")
    tags, told = dict[int, int](), 0
    for k in range(n):
        place = at + 2 + 12 * k
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, place)
        told += count * _SIZES.get(kind, 1)
        if kind in _WHOLE and count:
            inline = count * _SIZES[kind] <= 4
            where = place + 8 if inline else struct.unpack_from(f"{order}I", data, place + 8)[0]
            tags[tag] = struct.unpack_from(f"{order}{_WHOLE[kind]}", data, where)[0]
    if told > len(data):
        raise ValueError("its tags hold more than the file")
    return tags


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_WHOLE = {1: "B", 3: "H", 4: "I"}
