"""Bytes or a file -> an RGB image, after all checks that need no decoding."""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from core.errors import ImageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".heic", ".heif")
MAX_BYTES = 200 * 1024 * 1024
MAX_PIXELS = 100_000_000  # more than any dermatoscope's camera has
MAX_SIDE = 30_000

# Pillow's own limit would warn at a smaller size; ours is checked before any pixel is decoded
Image.MAX_IMAGE_PIXELS = None

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
    """Format and size. Width and height in pixels, after EXIF orientation."""

    kind: str
    width: int
    height: int
    orientation: int


def sniff(data: bytes) -> str:
    """JPEG, PNG, TIFF, BMP, WEBP or HEIF, by content alone; raises ImageError for anything else."""
    for signature, kind in _SIGNATURES:
        if signature.match(data[:32]):
            return kind
    raise ImageError(
        "is empty." if not data else "is not a JPEG, PNG, TIFF, BMP, WebP or HEIC image.",
        todo="Export the image as JPEG or PNG and try again.",
    )


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Format, size and orientation without decoding pixels; raises ImageError above the limits."""
    if len(data) > MAX_BYTES:
        raise ImageError(f"is {len(data) / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB.", todo="Reduce its size.")
    kind = sniff(data)
    if kind == "HEIF":
        from pi_heif import register_heif_opener

        register_heif_opener()
    orientation = 1
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as picture:
            width, height = picture.size
            if width * height <= max_pixels:
                orientation = _orientation(picture, kind)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError) as error:
        raise ImageError(f"has a corrupt {kind} header.", todo="Export the image again.") from error
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise ImageError(f"is {width} × {height} pixels; the limit is {max_pixels / 1e6:.0f} megapixels.", todo="Reduce its size.")
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return ImageHeader(kind, width, height, orientation)


def decode(data: bytes, max_pixels: int = MAX_PIXELS, header: ImageHeader | None = None) -> np.ndarray:
    """RGB uint8 (H, W, 3), upright, of any supported image; of an animation the first frame.

    16 bits are scaled to 8, grey and CMYK become RGB, transparency becomes white. header: of `read_header`, if already read.
    Raises ImageError for anything but a complete image within the limits.
    """
    header = header or read_header(data, max_pixels)
    if header.kind == "JPEG":
        _whole_jpeg(data)
    if header.kind == "HEIF":
        return _decode_with_pillow(data)
    return _upright(_to_rgb8(_imdecode(data, cv2.IMREAD_UNCHANGED, header.kind)), header.orientation)


def decode_at_least(data: bytes, side: int, header: ImageHeader | None = None) -> np.ndarray:
    """Like `decode`, but a JPEG may be smaller by a power of two, its longer side at least `side` pixels.

    For measurements and thumbnails, at a quarter to half the cost; a network's input is always decoded at full size.
    """
    header = header or read_header(data)
    factor = next((f for f in (8, 4, 2) if max(header.width, header.height) >= f * side), 1)
    if header.kind != "JPEG" or factor == 1:
        return decode(data, header=header)
    _whole_jpeg(data)
    flag = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}[factor]
    pixels = _imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION, header.kind)
    return _upright(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), header.orientation)


def read_bytes(path: Path) -> bytes:
    """An image file's content within the limits; errors name the file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(f"is larger than {MAX_BYTES // 2**20} MB.", path.name, "Reduce its size.")
        return path.read_bytes()
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
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if header.kind != "PNG" or pixels is None or pixels.dtype not in (np.uint8, np.uint16):
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


def _imdecode(data: bytes, flags: int, kind: str) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None or pixels.size == 0:
        raise ImageError(f"cannot be decoded as {kind}.", todo="Export the image again.")
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


_ORIENTATION = ExifTags.Base.Orientation

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


def _whole_jpeg(data: bytes) -> None:
    """Raises ImageError for a truncated JPEG, which decoders silently complete with grey."""
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise ImageError("is truncated: its end is missing.", todo="Copy the file again.")


def _orientation(picture: Image.Image, kind: str) -> int:
    """EXIF orientation without decoding; Pillow turns HEIC upright itself, and would decode a PNG to find out."""
    if kind == "HEIF":
        return 1
    exif = Image.Exif()
    if kind == "PNG":
        exif.load(picture.info.get("exif", b""))
    else:
        exif = picture.getexif()
    return int(exif.get(_ORIENTATION, 1) or 1)


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    turn = _TURNS.get(orientation)
    return image if turn is None else np.ascontiguousarray(turn(image))


def _to_rgb8(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8:
        top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else max(float(pixels.max()), 1.0)
        pixels = np.clip(pixels.astype(np.float32) * (255.0 / top), 0, 255).round().astype(np.uint8)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        flat = pixels[..., :3] * alpha + 255 * (1 - alpha)
        pixels = flat.round().astype(np.uint8)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode_with_pillow(data: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError("cannot be decoded.", todo="Export the image as JPEG.") from error
