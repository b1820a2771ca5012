"""What the header of a picture file says, read without the libraries that decode it: size, turn, and what decoding will take."""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from imaging.jpeg import Jpeg, read_jpeg

MAX_PARTS = 100_000  # chunks of a PNG, of which some writers make one every 8 kB
MAX_FRAMES = 1_000  # of an animation, of which the first is shown
MAX_TAGS = 512
MAX_TILES = 100_000
ORIENTATION = 0x0112
# what a fourth channel is once OpenCV has decoded it; premultiplied: the colours have been multiplied by it already
Alpha = Literal["straight", "premultiplied", "none"]


@dataclass(frozen=True)
class Stored:
    """width, height: pixels as stored; cost: bytes that decoding takes at most, copies and our own conversion included, as measured by
    tests/hostile/test_picture_memory.py; orientation: of EXIF, 1 to 8; jpeg: its segments, where it is one; alpha: the fourth channel."""

    width: int
    height: int
    cost: int
    orientation: int = 1
    jpeg: Jpeg | None = None
    alpha: Alpha = "straight"


class TooMuch(ValueError):
    """More parts than any camera writes; the message completes “the picture …”."""


class Unread(ValueError):
    """A kind that the decoder gets wrong without saying so; the message completes “the picture …”."""


def read_stored(data: bytes, kind: str) -> Stored:
    """Raises ValueError, struct.error or IndexError for a corrupt header, TooMuch for one with too many parts, Unread."""
    return _READERS[kind](data)


def _jpeg(data: bytes) -> Stored:
    jpeg = read_jpeg(data)
    # with several scans libjpeg keeps all coefficients, and Pillow decodes the picture twice more to see whether it is whole
    held = 7 if jpeg.scans == 1 else 5 + 3 * max(jpeg.components, 2)
    return Stored(jpeg.width, jpeg.height, jpeg.width * jpeg.height * held + 2 * len(data), orientation_of(jpeg.exif), jpeg)


def _png(data: bytes) -> Stored:
    if data[12:16] != b"IHDR":
        raise ValueError("no IHDR")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}[colour]  # as OpenCV expands them
    parts = {kind: data[at : at + size] for kind, at, size in png_chunks(data) if kind in (b"eXIf", b"tRNS")}
    out = (4 if b"tRNS" in parts else channels) * (2 if bits == 16 else 1)
    return Stored(width, height, width * height * _held(out) + len(data), orientation_of(parts.get(b"eXIf", b"")))


def _held(out: int) -> int:
    """Bytes a pixel that are held where OpenCV's output takes `out`: it keeps that twice; ours takes 3, twice with a turn, or a band."""
    return max(2 * out, out + 4, 7)


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
    return Stored(width, abs(height), width * abs(height) * _held(4))


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
    return Stored(width, height, width * height * (19 if frames else 11), orientation_of(exif))


def _tiff(data: bytes) -> Stored:
    tags = dict[int, Entry]()
    for entry in _entries(data):
        if entry.tag in tags:  # which of the two counts differs from reader to reader
            raise TooMuch(f"lists its tag {entry.tag} twice")
        tags[entry.tag] = entry

    def value(tag: int, default: int | None = None) -> int:
        entry = tags.get(tag)
        if entry is None and default is not None:
            return default
        if entry is None or entry.value is None or (entry.count != 1 and tag not in (_BITS, _EXTRA)):
            raise ValueError("a number is missing, or not one whole number")
        return entry.value

    width, height, samples, bits = value(256), value(257), value(277, 1), value(_BITS, 1)
    tile = (value(322), value(323)) if 322 in tags or 323 in tags else (width, min(value(278, height), height))
    if width and height and (not all(tile) or -(-width // tile[0]) * -(-height // tile[1]) > MAX_TILES):
        raise TooMuch(f"consists of more than {MAX_TILES:,} tiles")
    if not 1 <= samples <= 8 or bits > 64:
        raise TooMuch(f"has {samples} channels of {bits} bits")
    if (depth := max(value(32997, 1), value(32998, 1))) > 1:
        raise TooMuch(f"has {depth} layers")
    if (packed := value(259, 1)) not in _COMPRESSIONS:
        raise ValueError(f"compression {packed}")
    size = next(size for size in (1, 2, 4, 8) if bits <= 8 * size)
    out = max(samples * size, 4 if size == 1 else 1)
    piece = tile[0] * tile[1] * (4 + samples if size == 1 else out)  # decoded on its way; it may be larger than the picture
    if samples > 1 and size > 1 and value(284, 1) != 1:
        raise Unread(f"keeps each colour's {bits} bits in a plane of its own, which cannot be read")
    cost = max(width * height * _held(out), width * height * out + piece + len(data))
    return Stored(width, height, cost, value(ORIENTATION, 1), alpha=_alpha(value(_EXTRA, -1), size == 1))


def _alpha(extra: int, eight_bits: bool) -> Alpha:
    """By the tag ExtraSamples, -1 where there is none. Of 8 bits libtiff multiplies what it finds straight, unless the tag is missing."""
    kinds: dict[int, Alpha] = {-1: "straight", 0: "none", 1: "premultiplied"}
    return kinds.get(extra, "premultiplied" if eight_bits else "straight")


_BITS, _EXTRA = 258, 338
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}  # none, fax, LZW, JPEG, Deflate, PackBits: what decodes to the bits that are listed


def _heif(data: bytes) -> Stored:
    from pi_heif import register_heif_opener

    register_heif_opener()
    with Image.open(io.BytesIO(data), formats=["HEIF"]) as picture:
        width, height = picture.size
        return Stored(width, height, width * height * 11)  # Pillow turns it upright itself


_READERS: dict[str, Callable[[bytes], Stored]] = {"JPEG": _jpeg, "PNG": _png, "BMP": _bmp, "WEBP": _webp, "TIFF": _tiff, "HEIF": _heif}


def orientation_of(exif: bytes) -> int:
    """EXIF orientation; 1 where there is none, or where it is broken: the picture itself may be whole."""
    try:
        entries = _entries(exif.removeprefix(b"Exif\0\0")) if exif else []
    except (ValueError, struct.error, KeyError):
        return 1
    return next((e.value for e in entries if e.tag == ORIENTATION and e.value and e.value <= 8), 1)


@dataclass(frozen=True)
class Entry:
    """One tag of a TIFF directory; value: the first of `count` whole numbers, None where they are of another type."""

    tag: int
    count: int
    value: int | None


def _entries(data: bytes) -> list[Entry]:
    """The first directory of a TIFF; none of another page is looked at."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    n = struct.unpack_from(f"{order}H", data, at)[0]
    if n > MAX_TAGS:
        raise TooMuch(f"has more than {MAX_TAGS} tags")
    entries, told = list[Entry](), 0
    for place in range(at + 2, at + 2 + 12 * n, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, place)
        told += count * _SIZES.get(kind, 1)
        value = None
        if kind in _WHOLE and count:
            inline = count * _SIZES[kind] <= 4
            where = place + 8 if inline else struct.unpack_from(f"{order}I", data, place + 8)[0]
            value = int(struct.unpack_from(f"{order}{_WHOLE[kind]}", data, where)[0])
        entries.append(Entry(tag, count, value))
    if told > len(data):
        raise ValueError("its tags hold more than the file")
    return entries


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_WHOLE = {1: "B", 3: "H", 4: "I"}
