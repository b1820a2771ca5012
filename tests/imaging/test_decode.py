"""What strangers' picture files may and may not do."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from core.errors import ImageError
from imaging.decode import decode, encode_jpeg, encode_png, encode_png_with, read_header, read_image, sniff

# red top left, green top right, blue bottom left, white bottom right
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def picture(size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return cv2.resize(CORNERS, size[::-1], interpolation=cv2.INTER_NEAREST)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_kinds_come_back_as_they_were(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode(saved(Image.fromarray(picture()), kind, **options)), picture())


# how a camera stored the upright picture for each EXIF orientation
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_makes_the_picture_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](picture()))
    data = saved(Image.fromarray(stored), "PNG", exif=exif)
    np.testing.assert_array_equal(decode(data), picture())
    header = read_header(data)
    assert (header.height, header.width) == (40, 60)


def tiff(stored: np.ndarray, orientation: int) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, stored, photometric="rgb" if stored.ndim == 3 else "minisblack", extratags=[(274, "H", 1, orientation, True)])
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_upright_once(orientation: int) -> None:
    """Random pixels, so that no turn looks like another; Pillow's exif_transpose is the oracle."""
    stored = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = saved(Image.fromarray(stored), "TIFF", exif=exif)
    for data in (plain, saved(Image.fromarray(stored), "TIFF", exif=exif, compression="tiff_lzw"), tiff(stored, orientation)):
        with Image.open(io.BytesIO(data)) as opened:
            upright = np.asarray(ImageOps.exif_transpose(opened))
        np.testing.assert_array_equal(decode(data), upright)
        header = read_header(data)
        assert (header.height, header.width) == upright.shape[:2]
    grey16 = tiff(stored[..., 0].astype(np.uint16) * 257, orientation)
    np.testing.assert_array_equal(decode(grey16), np.repeat(upright[..., :1], 3, axis=2))


def test_sixteen_bits_grey_transparent_and_cmyk_become_rgb8() -> None:
    grey16 = np.full((4, 5), 65535, np.uint16)
    grey16[0] = 0
    done, data = cv2.imencode(".png", grey16)
    assert done
    np.testing.assert_array_equal(decode(data.tobytes())[:2, 0], [[0, 0, 0], [255, 255, 255]])
    clear = Image.new("RGBA", (3, 3), (200, 0, 0, 0))
    np.testing.assert_array_equal(decode(saved(clear, "PNG"))[0, 0], [255, 255, 255])
    cmyk = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    assert cmyk.shape == (8, 8, 3) and cmyk[4, 4, 0] > 200 and cmyk[4, 4, 1] < 60


@pytest.mark.parametrize("stored", ["plain", "planes", "tiles", "packed"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("extra", "pixel", "shown"),
    [
        ("unassalpha", (200, 100, 50, 128), (227, 177, 152)),
        ("assocalpha", (100, 50, 25, 128), (227, 177, 152)),
        ("unassalpha", (200, 100, 50, 0), (255, 255, 255)),
        ("assocalpha", (0, 0, 0, 0), (255, 255, 255)),
        ("unassalpha", (200, 100, 50, 255), (200, 100, 50)),
        ("unspecified", (200, 100, 50, 128), (200, 100, 50)),
    ],
)
def test_transparency_of_a_tiff_becomes_white_once(
    extra: str, pixel: tuple[int, ...], shown: tuple[int, ...], bits: int, stored: str
) -> None:
    """Worked out by hand: colour × 128/255 + 255 × 127/255; a colour multiplied already is only added to the white."""
    pixels = np.tile(np.array(pixel, np.uint8), (32, 32, 1)).astype(f"u{bits // 8}") * (257 if bits == 16 else 1)
    how: dict[str, dict[str, Any]] = {
        "planes": {"planarconfig": "separate"},
        "tiles": {"tile": (16, 16)},
        "packed": {"compression": "zlib"},
    }
    buffer = io.BytesIO()
    given = np.moveaxis(pixels, -1, 0) if stored == "planes" else pixels
    tifffile.imwrite(buffer, given, photometric="rgb", extrasamples=[extra], **how.get(stored, {}))
    if stored == "planes" and bits == 16:  # OpenCV shows the first plane as all colours
        with pytest.raises(ImageError, match="plane of its own"):
            decode(buffer.getvalue())
        return
    np.testing.assert_array_equal(decode(buffer.getvalue())[5, 5], shown)


def test_a_tiff_that_does_not_say_what_its_fourth_channel_is_has_transparency() -> None:
    """As Pillow reads it."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.full((4, 4, 4), 128, np.uint8), photometric="rgb", extrasamples=["unassalpha"])
    data = buffer.getvalue()
    at = data.index(b"\x52\x01\x03\x00\x01\x00\x00\x00\x02")  # the tag ExtraSamples
    silent = data[:at] + b"\x51" + data[at + 1 :]
    np.testing.assert_array_equal(decode(data)[0, 0], decode(silent)[0, 0])


def test_a_cut_off_jpeg_is_refused() -> None:
    whole = encode_jpeg(picture((200, 300)))
    assert decode(whole).shape == (200, 300, 3)
    with pytest.raises(ImageError, match="truncated"):
        decode(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "empty"), (b"GIF89a" + bytes(40), "not a JPEG"), (b"<html>", "not a JPEG"), (b"\x89PNG\r\n\x1a\n" + bytes(50), "corrupt")],
)
def test_what_is_no_picture_says_so(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        decode(data)


def test_a_huge_picture_is_refused_before_a_pixel_is_decoded() -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(ImageError, match="30000 × 30000"):
        decode(data)


def test_the_name_of_a_file_does_not_matter_and_errors_tell_it(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode_png(picture()))
    np.testing.assert_array_equal(read_image(path), picture())
    path.write_bytes(b"")
    with pytest.raises(ImageError, match=r"photo\.jpg.*empty"):
        read_image(path)


def test_heic_is_recognised_by_content() -> None:
    assert sniff(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00") == "HEIF"


def test_what_we_write_carries_what_it_was_made_from_and_no_camera_data() -> None:
    with Image.open(io.BytesIO(encode_png_with(picture(), {"model_sha256": "ab12", "target": "mel"}))) as written:
        assert written.text == {"model_sha256": "ab12", "target": "mel"}  # type: ignore[attr-defined]
        assert not dict(written.getexif())
