"""Bytes or a file -> an RGB image, after all checks that need no decoding."""

import io
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from core.errors import ImageError
from core.regular import TooLarge, read_regular
from imaging.budget import Budget
from imaging.headers import Alpha, TooMuch, Unread, png_chunks, read_stored
from imaging.jpeg import MAX_SCANS, Jpeg, is_whole

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".heic", ".heif")
MAX_BYTES = 200 * 1024 * 1024
MAX_PIXELS = 100_000_000  # more than any dermatoscope's camera has
MAX_SIDE = 30_000
BAND = 64  # rows converted at a time
MAX_SCANNED = 1_500_000_000  # scans of a JPEG × its pixels: some seconds
BUDGET = Budget(800 * 10**6)  # bytes for all decoding threads together; a picture that needs more alone is refused

# Pillow's own limit would warn at a smaller size; ours is checked before any pixel is decoded
Image.MAX_IMAGE_PIXELS = None
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong with a file is said in our own message

_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"\xff\xd8\xff", "JPEG"),
        (rb"\x89PNG\r\n\x1a\n", "PNG"),
        (rb"(II\x2a\x00|MM\x00\x2a)", "TIFF"),
        (rb"BM.{12}", "BMP"),
        (rb"RIFF.{4}WEBP", "WEBP"),
        (rb".{4}ftyp(heic|heix|hevc|heim|heis|mif1|msf1)", "HEIF"),
    )
)


@dataclass(frozen=True)
class ImageHeader:
    """Format and size. Width and height in pixels, upright. orientation: EXIF's, as far as it is ours to turn; cost: bytes that decoding
    takes; jpeg: its segments; alpha: what a fourth channel is."""

    kind: str
    width: int
    height: int
    orientation: int
    cost: int
    jpeg: Jpeg | None = None
    alpha: Alpha = "straight"


def sniff(data: bytes) -> str:
    """JPEG, PNG, TIFF, BMP, WEBP or HEIF, by content alone; raises ImageError for anything else."""
    for signature, kind in _SIGNATURES:
        if signature.match(data[:32]):
            return kind
    if data[:4] in (b"II+\0", b"MM\0+"):
        raise ImageError("is a BigTIFF, which is not supported.", todo="Save it as a plain TIFF or as PNG.")
    raise ImageError(
        "is empty." if not data else "is not a JPEG, PNG, TIFF, BMP, WebP or HEIC image.",
        todo="Export the image as JPEG or PNG and try again.",
    )


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Format, size and orientation without decoding pixels; raises ImageError above the limits."""
    if len(data) > MAX_BYTES:
        raise ImageError(f"is {len(data) / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB.", todo="Reduce its size.")
    kind = sniff(data)
    try:
        stored = read_stored(data, kind)
    except TooMuch as error:
        raise ImageError(f"{error}, more than a picture has.", todo="Export the image again.") from error
    except Unread as error:
        raise ImageError(f"{error}.", todo="Save it with the colours of each pixel together, or as PNG.") from error
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, struct.error) as error:
        raise ImageError(f"has a corrupt {kind} header.", todo="Export the image again.") from error
    width, height = stored.width, stored.height
    if width < 1 or height < 1:
        raise ImageError(f"is {width} × {height} pixels: there is nothing to see.", todo="Export the image again.")
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise ImageError(f"is {width} × {height} pixels; the limit is {max_pixels / 1e6:.0f} megapixels.", todo="Reduce its size.")
    if stored.cost > BUDGET.most:
        what = f"is {width} × {height} pixels; decoding them takes {stored.cost / 1e6:.0f} MB of {BUDGET.most / 1e6:.0f}."
        raise ImageError(what, todo="Reduce its size, or save it with 8 bits a channel.")
    if stored.orientation in (5, 6, 7, 8):
        width, height = height, width
    # OpenCV turns a TIFF itself, whatever it is asked for
    orientation = 1 if kind == "TIFF" else stored.orientation
    return ImageHeader(kind, width, height, orientation, stored.cost, stored.jpeg, stored.alpha)


def decode(data: bytes, max_pixels: int = MAX_PIXELS, header: ImageHeader | None = None) -> np.ndarray:
    """RGB uint8 (H, W, 3), upright, of any supported image; of an animation the first frame.

    16 bits are scaled to 8, grey and CMYK become RGB, transparency becomes white. header: of `read_header`, if already read.
    Raises ImageError for anything but a complete image within the limits.
    """
    header = header or read_header(data, max_pixels)
    with BUDGET.taken(header.cost):
        if header.kind == "HEIF":
            return _decode_with_pillow(data)
        return _upright(_to_rgb8(_pixels(data, cv2.IMREAD_UNCHANGED, header), header.alpha), header.orientation)


def decode_at_least(data: bytes, side: int, header: ImageHeader | None = None) -> np.ndarray:
    """Like `decode`, but a JPEG may be smaller by a power of two, its longer side at least `side` pixels.

    For measurements and thumbnails, at a quarter to half the cost; a network's input is always decoded at full size.
    """
    header = header or read_header(data)
    factor = next((f for f in (8, 4, 2) if max(header.width, header.height) >= f * side), 1)
    if header.kind != "JPEG" or factor == 1:
        return decode(data, header=header)
    flag = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}[factor]
    with BUDGET.taken(header.cost):
        pixels = _pixels(data, flag | cv2.IMREAD_IGNORE_ORIENTATION, header, factor)
        return _upright(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), header.orientation)


def read_bytes(path: Path) -> bytes:
    """An image file's content within the limits; errors name the file."""
    try:
        return read_regular(path, MAX_BYTES)
    except TooLarge as error:
        raise ImageError(f"is larger than {MAX_BYTES // 2**20} MB.", path.name, "Reduce its size.") from error
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror}).", path.name) from error


def read_image(path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """`decode` of a file; errors name the file."""
    with _naming(path):
        return decode(read_bytes(path), max_pixels)


def read_mask(path: Path) -> np.ndarray:
    """Boolean (H, W): where a mask image is brighter than half."""
    return read_image(path).max(axis=2) > 127


def read_bits(path: Path) -> np.ndarray:
    """uint16 (H, W): the raw first channel of a PNG mask of 8 or 16 bits. Raises ImageError, which names the file."""
    with _naming(path):
        data = read_bytes(path)
        header = read_header(data)
        if header.kind != "PNG":
            raise ImageError("is not a PNG mask of 8 or 16 bits.", todo="Save the mask as PNG again.")
        with BUDGET.taken(header.cost):
            pixels = _pixels(data, cv2.IMREAD_UNCHANGED, header)
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ImageError("is not a PNG mask of 8 or 16 bits.", todo="Save the mask as PNG again.")
        bits = pixels if pixels.ndim == 2 else pixels[..., min(2, pixels.shape[2] - 1)]
        if (white := bits == np.iinfo(bits.dtype).max).any() and (white | (bits == 0)).all():
            raise ImageError("is black and white: it marks a place, but not as which marker.", todo="Write the marker's bit into it.")
    return bits.astype(np.uint16)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except ImageError as error:
        raise ImageError(error.what, path.name, error.todo) from error


def _pixels(data: bytes, flags: int, header: ImageHeader, factor: int = 1) -> np.ndarray:
    """As OpenCV decodes them, of a picture that is whole; factor: by which a JPEG is reduced."""
    if (jpeg := header.jpeg) is not None:
        if jpeg.scans > MAX_SCANS or jpeg.scans * jpeg.width * jpeg.height > MAX_SCANNED:
            raise ImageError(f"is a JPEG of {jpeg.scans} or more scans, which take too long.", todo="Export it as a plain JPEG.")
        several = jpeg.scans > 1
        if jpeg.end < 0 or (several and not is_whole(data, jpeg, flat=False)):
            raise _cut_off()
        pixels = _imdecode(data, flags, header, factor)
        if not several and not is_whole(data, jpeg, flat=_ends_flat(pixels, factor)):
            raise _cut_off()
        return pixels
    return _imdecode(_bare_png(data) if header.kind == "PNG" else data, flags, header)


def _ends_flat(pixels: np.ndarray, factor: int) -> bool:
    """Whether a JPEG ends in one colour, as where data are missing: its last block of 8 × 8, reduced some pixels of the last row."""
    if factor > 1:
        tail = pixels[-1, -max(2, 32 // factor) :]
        return bool((tail == tail[-1]).all())
    height, width = pixels.shape[:2]
    block = pixels[(height - 1) // 8 * 8 :, (width - 1) // 8 * 8 :]
    brightness = block if block.ndim == 2 else block @ _BRIGHTNESS  # colour is blurred across blocks
    return float(np.ptp(brightness)) <= 2


_BRIGHTNESS = np.array([0.114, 0.587, 0.299])  # of blue, green, red


def _cut_off() -> ImageError:
    return ImageError("is truncated: its end is missing.", todo="Copy the file again.")


def _bare_png(data: bytes) -> bytes:
    """Without the chunks that say nothing of the pixels: a profile or a text may unpack to anything, and further frames are not shown."""
    chunks = list(png_chunks(data))
    if not chunks or chunks[-1][0] != b"IEND":
        raise _cut_off()
    if all(kind in _PNG_PIXELS for kind, _, _ in chunks):
        return data
    return data[:8] + b"".join(data[at - 8 : at + size + 4] for kind, at, size in chunks if kind in _PNG_PIXELS)


_PNG_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def _imdecode(data: bytes, flags: int, header: ImageHeader, factor: int = 1) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.size == 0:
        raise ImageError(f"cannot be decoded as {header.kind}.", todo="Export the image again.")
    size = (header.height, header.width) if header.orientation < 5 else (header.width, header.height)
    if pixels.shape[:2] != tuple(-(-side // factor) for side in size):
        raise ImageError(f"is not of the size its {header.kind} header says.", todo="Export the image again.")
    return pixels


def encode_png(image: np.ndarray) -> bytes:
    """PNG of an RGB or grey uint8 image, without metadata."""
    return _encode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])


def encode_png_with(image: np.ndarray, about: Mapping[str, str]) -> bytes:
    """PNG of an RGB uint8 image with its provenance in text fields."""
    text = PngImagePlugin.PngInfo()
    for key, value in about.items():
        text.add_itxt(key, value)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def encode_jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    """JPEG of an RGB uint8 image, without metadata."""
    return _encode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])


def _encode(suffix: str, image: np.ndarray, options: list[int]) -> bytes:
    done, buffer = cv2.imencode(suffix, image[..., ::-1] if image.ndim == 3 else image, options)
    if not done:
        raise ImageError("could not be encoded.", todo=f"Shape {image.shape} is not that of an image.")
    return buffer.tobytes()


# EXIF orientation -> the turn that makes the image upright
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: partial(np.flip, axis=1),
    3: partial(np.rot90, k=2),
    4: partial(np.flip, axis=0),
    5: lambda a: a.transpose(1, 0, 2),
    6: partial(np.rot90, k=-1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: partial(np.rot90, k=1),
}


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    turn = _TURNS.get(orientation)
    return image if turn is None else np.ascontiguousarray(turn(image))


def _to_rgb8(pixels: np.ndarray, alpha: Alpha = "straight") -> np.ndarray:
    top = 1.0 if pixels.dtype == np.uint8 or pixels.dtype.kind == "u" else max(float(np.nan_to_num(pixels.max())), 1.0)
    if pixels.dtype == np.uint8 and (pixels.ndim == 2 or pixels.shape[2] < 4):
        return _band_to_rgb8(pixels, top, alpha)
    image = np.empty((*pixels.shape[:2], 3), np.uint8)  # band by band: the numbers in between are many times as large
    for start in range(0, len(pixels), BAND):
        image[start : start + BAND] = _band_to_rgb8(pixels[start : start + BAND], top, alpha)
    return image


def _band_to_rgb8(pixels: np.ndarray, top: float, alpha: Alpha) -> np.ndarray:
    """top: what becomes 255 where pixels are not whole numbers without sign."""
    if pixels.dtype != np.uint8:
        largest = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else top
        pixels = np.clip(np.nan_to_num(pixels.astype(np.float32)) * (255.0 / largest), 0, 255).round().astype(np.uint8)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if pixels.shape[2] == 4:
        opaque = pixels[..., 3:].astype(np.float32) / 255 if alpha != "none" else np.float32(1)
        colours = pixels[..., :3] * (opaque if alpha == "straight" else np.float32(1))
        pixels = (colours + 255 * (1 - opaque)).clip(0, 255).round().astype(np.uint8)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode_with_pillow(data: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError("cannot be decoded.", todo="Export the image as JPEG.") from error
