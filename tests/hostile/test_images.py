"""Picture files as strangers may send them: refused in one message before they cost anything, or decoded as if nothing were."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from core.errors import ImageError
from imaging import decode as decoding
from imaging.budget import Budget
from imaging.decode import decode, decode_at_least, read_header
from imaging.headers import orientation_of, read_stored
from imaging.jpeg import is_whole, read_jpeg
from tests.hostile.drawn import chunk, exif, photo, png, saved, with_segment

JPEG = saved("JPEG", quality=90)
PROGRESSIVE = saved("JPEG", quality=90, progressive=True)
END = b"\xff\xd9"
EVERY_KIND = {
    "jpeg": JPEG,
    "progressive": PROGRESSIVE,
    "restarts": saved("JPEG", quality=90, restart_marker_blocks=3),
    "grey": saved("JPEG", Image.fromarray(photo()).convert("L")),
    "cmyk": saved("JPEG", Image.fromarray(photo()).convert("CMYK")),
    "subsampled": saved("JPEG", subsampling=2),
    "full": saved("JPEG", subsampling=0),
    "png": saved("PNG"),
    "png16": cv2.imencode(".png", photo().astype(np.uint16) * 257)[1].tobytes(),
    "palette": saved("PNG", Image.fromarray(photo()).convert("P")),
    "rgba": saved("PNG", Image.fromarray(photo()).convert("RGBA")),
    "bmp": saved("BMP"),
    "tiff": saved("TIFF"),
    "lzw": saved("TIFF", compression="tiff_lzw"),
    "webp": saved("WEBP"),
    "lossless": saved("WEBP", lossless=True),
}
LARGER = Image.fromarray(photo((180, 240)))  # 180 blocks of 16 × 16: its last 3 % are five of them
CUT = {
    "plain": saved("JPEG", LARGER, quality=90),
    "progressive": saved("JPEG", LARGER, quality=90, progressive=True),
    "restarts": saved("JPEG", LARGER, quality=90, restart_marker_blocks=3),
    "grey": saved("JPEG", LARGER.convert("L")),
    "cmyk": saved("JPEG", LARGER.convert("CMYK")),
    "subsampled": saved("JPEG", LARGER, subsampling=2),
    "full": saved("JPEG", LARGER, subsampling=0),
}


@pytest.mark.parametrize("name", EVERY_KIND)
def test_sizes_are_those_pillow_finds(name: str) -> None:
    header = read_header(EVERY_KIND[name])
    assert (header.height, header.width) == (90, 120)
    assert decode(EVERY_KIND[name]).shape == (90, 120, 3)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("name", CUT)
def test_a_jpeg_with_an_end_marker_glued_on_is_still_cut_off(name: str, share: float) -> None:
    data = CUT[name]
    start = read_jpeg(data).start + 20
    cut = data[: start + int((len(data) - start) * share)].rstrip(b"\xff") + END
    for read in (decode, lambda d: decode_at_least(d, 60)):
        with pytest.raises(ImageError, match="truncated|cannot be decoded"):
            read(cut)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_what_a_cut_jpeg_may_lack_unnoticed_is_part_of_its_last_block(subsampling: int, progressive: bool) -> None:
    rng, slope = np.random.default_rng(1), np.linspace(0, 150, 150).astype(np.uint8)[None, :, None]
    for image in (rng.integers(0, 60, (100, 150, 3), dtype=np.uint8) + slope, np.repeat(np.repeat(slope, 100, 0), 3, 2)):
        data = saved("JPEG", image, quality=90, subsampling=subsampling, progressive=progressive)
        whole, start = decode(data), read_jpeg(data).start + 14
        for at in {*range(start, len(data) - 2, len(data) // 240), *range(max(start, len(data) - 150), len(data) - 2, 4)}:
            try:
                found = decode(data[:at].rstrip(b"\xff") + END)
            except ImageError:
                continue
            rows, columns = np.nonzero((found != whole).any(axis=2))
            assert not progressive or not len(rows)
            assert (rows >= 96 - 1).all() and (columns >= 144 - 1).all(), "but for a pixel of colour blurred across the block"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", [n for n in EVERY_KIND if EVERY_KIND[n][:2] != b"\xff\xd8"])
def test_other_kinds_cut_off_are_refused(name: str, share: float) -> None:
    with pytest.raises(ImageError, match="truncated|cannot be decoded|corrupt"):
        decode(EVERY_KIND[name][: int(len(EVERY_KIND[name]) * share)])


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("size", [(8, 8), (16, 16), (17, 33), (450, 600), (1, 1), (1, 64), (129, 65)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_whole_jpeg_with_a_plain_background_is_whole(size: tuple[int, int], quality: int, progressive: bool) -> None:
    """A drawing on white, and a photograph with black corners: their last rows are of one colour, and nothing is missing."""
    for colour in (0, 255, 128):
        image = np.full((*size, 3), colour, np.uint8)
        image[: size[0] // 2] = photo((max(size[0] // 2, 0) or 1, size[1]))[: size[0] // 2]
        assert decode(saved("JPEG", image, quality=quality, progressive=progressive)).shape == (*size, 3)


def test_a_flat_end_is_looked_at_twice_only_where_it_is_flat() -> None:
    cut = JPEG[: len(JPEG) // 2] + END
    assert is_whole(cut, read_jpeg(cut), flat=False), "the row decides whether it is worth a second look"
    assert not is_whole(cut, read_jpeg(cut), flat=True)


def test_what_follows_the_end_marker_is_of_no_interest() -> None:
    thumbnail = saved("JPEG", photo((12, 16)))
    for more in (b"\0" * 100, thumbnail, b"<html>", END, JPEG):
        np.testing.assert_array_equal(decode(JPEG + more), decode(JPEG))
    with pytest.raises(ImageError, match="truncated"):
        decode(JPEG[: len(JPEG) // 2] + END + b"junk" + END)


def test_scans_are_counted_before_any_is_decoded() -> None:
    jpeg = read_jpeg(PROGRESSIVE)
    assert jpeg.scans == 10, "libjpeg's script for three components"
    last = PROGRESSIVE[PROGRESSIVE.rfind(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="scans"):
        decode(PROGRESSIVE[:-2] + last * 1500 + END)
    assert read_jpeg(JPEG).scans == 1
    assert read_jpeg(with_segment(JPEG, 0xE1, b"Exif\0\0" + saved("JPEG", photo((12, 16)))[:5000])).scans == 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", [0, 1, 3, 6, 8, 9, 77, 65535])
def test_orientations_of_garbage_are_upright(value: int, order: str) -> None:
    stored = value if order == "<" else value << 16
    found = orientation_of(b"Exif\0\0" + exif([(0x0112, 3, 1, stored)], order))
    assert found == (value if 1 <= value <= 8 else 1)


BROKEN_EXIF = [
    b"",
    b"Exif\0\0",
    b"Exif\0\0II*\0\xff\xff\xff\xff",
    b"Exif\0\0XX*\0" + bytes(20),
    exif([(0x0112, 3, 1, 6)], n=60_000),
    exif([(0x0112, 3, 2**31, 6)]),
    exif([(0x0112, 3, 1, 6)] + [(k, 7, 60_000, 8) for k in range(500)]),
    exif([(0x0112, 5, 1, 2**32 - 1)]),
    exif([(0x0112, 2, 4, 6)]),
    exif([(0x0112, 3, 3, 2**32 - 9)]),
]


@pytest.mark.parametrize("content", BROKEN_EXIF)
def test_broken_exif_leaves_the_picture(content: bytes) -> None:
    jpeg = with_segment(JPEG, 0xE1, (content if content.startswith(b"Exif") else b"Exif\0\0" + content)[:65_000])
    np.testing.assert_array_equal(decode(jpeg), decode(JPEG))
    with_chunk = EVERY_KIND["png"][:33] + chunk(b"eXIf", content) + EVERY_KIND["png"][33:]
    np.testing.assert_array_equal(decode(with_chunk), photo())


# width, height, bits, colour: 2 RGB, 4 grey with alpha, 6 RGBA → what is held while decoding, worked out by hand: OpenCV's output twice
TOO_DEEP = [(9000, 9000, 16, 6, 1296), (10_000, 9000, 16, 2, 1080), (8000, 8000, 16, 6, 1024), (9900, 9900, 16, 4, 1568)]


@pytest.mark.parametrize(("width", "height", "bits", "colour", "megabytes"), TOO_DEEP)
def test_depth_and_channels_count_against_the_budget(width: int, height: int, bits: int, colour: int, megabytes: int) -> None:
    data = png(width, height, bits, colour, rows=b"")
    began = time.process_time()
    with pytest.raises(ImageError, match=rf"{megabytes} MB of 800"):
        decode(data)
    assert time.process_time() - began < 0.5, "no pixel of it is decoded"


@pytest.mark.parametrize(
    ("bits", "colour", "held"), [(8, 0, 7), (16, 0, 7), (8, 2, 7), (8, 3, 8), (16, 2, 12), (16, 6, 16), (8, 6, 8), (1, 0, 7)]
)
def test_bytes_a_pixel_of_a_png(bits: int, colour: int, held: int) -> None:
    data = png(10, 10, bits, colour)
    assert read_stored(data, "PNG").cost == 100 * held + len(data)


def test_transparency_of_a_plain_png_costs_a_channel() -> None:
    data = png(10, 10, 16, 2, chunk(b"tRNS", bytes(6)))
    assert read_stored(data, "PNG").cost == 100 * 16 + len(data)


def test_all_threads_share_one_budget() -> None:
    budget, most, now, lock = Budget(100), 0, 0, threading.Lock()

    def work() -> None:
        nonlocal most, now
        for size in (30, 60, 100, 500):
            with budget.taken(size):
                with lock:
                    now += min(size, 100)
                    most = max(most, now)
                with lock:
                    now -= min(size, 100)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads) and 60 <= most <= 100


def test_a_picture_that_fails_gives_its_share_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BUDGET", Budget(read_header(JPEG).cost))
    for _ in range(3):
        with pytest.raises(ImageError):
            decode(JPEG[: len(JPEG) // 2] + END)
        assert decode(JPEG).shape == (90, 120, 3)


BOMB = zlib.compress(bytes(50_000_000), 9)  # 50 MB in 49 kB


OTHER_CHUNKS = [
    [chunk(b"iCCP", b"x\0\0" + BOMB)],
    [chunk(b"zTXt", b"x\0\0" + BOMB)] * 20,
    [chunk(b"iTXt", b"x\0\1\0\0\0" + BOMB)] * 20,
    [chunk(b"tEXt", b"x\0" + bytes(100_000))] * 10,
    [chunk(b"tEXt", b"")] * 20_000,
    [chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)), chunk(b"fcTL", bytes(26))],
    [chunk(b"fdAT", bytes(4) + BOMB)] * 5,
    [chunk(b"gAMA", bytes(4))],
    [chunk(b"sPLT", bytes(1000))],
]


@pytest.mark.parametrize("between", OTHER_CHUNKS)
def test_chunks_that_say_nothing_of_the_pixels_are_not_unpacked(between: list[bytes]) -> None:
    plain = EVERY_KIND["png"]
    data = plain[:33] + b"".join(between) + plain[33:]
    np.testing.assert_array_equal(decode(data), photo())


def test_more_parts_than_any_writer_makes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.headers.MAX_PARTS", 50)
    plain = EVERY_KIND["png"]
    with pytest.raises(ImageError, match="more than 50 parts"):
        decode(plain[:33] + chunk(b"tEXt") * 60 + plain[33:])
    frames = [Image.fromarray(photo(seed=k)) for k in range(6)]
    animated = saved("WEBP", frames[0], save_all=True, append_images=frames[1:])
    assert decode(animated).shape == (90, 120, 3)
    monkeypatch.setattr("imaging.headers.MAX_FRAMES", 4)
    with pytest.raises(ImageError, match="more than 4 frames"):
        decode(animated)


def tiff(*tags: tuple[int, int, int, int], order: str = "<", n: int | None = None) -> bytes:
    return exif([(256, 4, 1, 64), (257, 4, 1, 64), *tags], order, n) + bytes(64 * 64 * 3)


TIFFS: list[tuple[bytes, str]] = [
    (tiff(n=60_000), "more than 512 tags"),
    (tiff((273, 4, 2**30, 0)), "corrupt"),
    (tiff(*[(300 + k, 7, 12_000, 8) for k in range(200)]), "corrupt"),
    (tiff((322, 4, 1, 1), (323, 4, 1, 0)), "tiles"),
    (tiff((277, 3, 1, 60_000)), "60000 channels"),
    (tiff((258, 3, 1, 500)), "500 bits"),
    (tiff((322, 4, 1, 60_000), (323, 4, 1, 60_000)), "MB of 800"),
    (exif([(256, 4, 1, 60_000), (257, 4, 1, 60_000)]), "60000 × 60000"),
    (exif([(256, 4, 1, 0), (257, 4, 1, 5)]), "nothing to see"),
    (exif([(257, 4, 1, 5)]), "corrupt"),
    (tiff((256, 4, 1, 10)), "its tag 256 twice"),
    (tiff((257, 9, 1, 10)), "its tag 257 twice"),
    (tiff((277, 3, 1, 3), (277, 3, 1, 3)), "its tag 277 twice"),
    (tiff((40_000, 7, 1, 0), (40_000, 7, 1, 0)), "its tag 40000 twice"),
    (exif([(256, 9, 1, 5), (257, 4, 1, 5)]), "corrupt"),
    (exif([(256, 16, 1, 5), (257, 4, 1, 5)]), "corrupt"),
    (exif([(256, 4, 2, 8), (257, 4, 1, 5)]) + bytes(64), "corrupt"),
    (tiff((277, 8, 1, 4)), "corrupt"),
    (tiff((258, 11, 1, 4)), "corrupt"),
    (tiff((278, 4, 0, 4)), "corrupt"),
    (tiff((322, 9, 1, 64), (323, 4, 1, 64)), "corrupt"),
    (tiff((322, 4, 1, 64)), "corrupt"),
    (tiff((259, 3, 1, 6)), "corrupt"),
    (tiff((259, 3, 1, 34_676)), "corrupt"),
    (tiff((32_998, 4, 1, 50_000)), "50000 layers"),
    (b"II*\0\xff\xff\xff\x7f" + bytes(20), "corrupt"),
    (b"MM\0*", "corrupt"),
    (tiff(), "cannot be decoded"),
]


@pytest.mark.parametrize(("data", "message"), TIFFS)
def test_tags_of_a_tiff_are_bounded(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        decode(data)


def test_a_tiff_whose_sizes_are_listed_twice_never_reaches_a_decoder() -> None:
    """libtiff goes by the first, other readers by the last."""
    rows = zlib.compress(bytes(200 * 200))
    large, small = [(256, 4, 1, 200), (257, 4, 1, 200)], [(256, 4, 1, 10), (257, 4, 1, 10)]
    rest = [(258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 0), (277, 3, 1, 1), (278, 4, 1, 200), (279, 4, 1, len(rows))]

    def written(*tags: tuple[int, int, int, int]) -> bytes:
        at = len(exif(list(tags)))
        return exif([(t, k, n, at if t == 273 else v) for t, k, n, v in tags]) + rows

    assert decode(written(*large, *rest)).shape == (200, 200, 3)
    for tags in (small + large, large + small):
        with pytest.raises(ImageError, match="tag 256 twice"):
            decode(written(*sorted(tags, key=lambda tag: tag[0]), *rest))


def test_what_is_decoded_must_be_of_the_size_that_was_counted() -> None:
    for kind in ("png", "jpeg", "tiff", "webp", "bmp"):
        header = read_header(EVERY_KIND[kind])
        with pytest.raises(ImageError, match="not of the size"):
            decode(EVERY_KIND[kind], header=replace(header, width=header.width - 1))


def test_a_tiff_of_many_tiny_tiles_is_refused() -> None:
    data = exif([(256, 4, 1, 9000), (257, 4, 1, 9000), (322, 4, 1, 16), (323, 4, 1, 16)])
    with pytest.raises(ImageError, match="tiles"):
        decode(data)


def bmp(width: int, height: int, bits: int = 24) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0) + bytes(200)


WEBP_HEAD = b"RIFF\x00\x00\x00\x00WEBP"


HEADERS: list[tuple[bytes, str]] = [
    (bmp(0, 5), "nothing to see"),
    (bmp(-5, 5), "nothing to see"),
    (bmp(29_000, 29_000), "limit is 100"),
    (bmp(5, -(2**31)), "limit is"),
    (bmp(5, 2**31 - 1), "limit is"),
    (bmp(500, 500), "cannot be decoded"),
    (bmp(500, 500, bits=77), "cannot be decoded"),
    (png(0, 5, 8, 2, rows=b""), "nothing to see"),
    (png(5, 0, 8, 2, rows=b""), "nothing to see"),
    (png(5, 5, 8, 2, rows=bytes(20)), "cannot be decoded"),
    (png(31_000, 10, 8, 0), "31000 × 10"),
    (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"x" * 30), "corrupt"),
    (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**32 - 1) + b"IHDR" + bytes(40), "corrupt|nothing"),
    (WEBP_HEAD + b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\xff" * 6, "limit is 100"),
    (WEBP_HEAD + b"VP8L" + struct.pack("<I", 5) + b"\x2f\xff\xff\xff\x0f", "cannot be decoded|limit|MB of"),
    (WEBP_HEAD + b"VP8 " + struct.pack("<I", 10) + bytes(10), "nothing to see"),
    (WEBP_HEAD, "nothing to see"),
    (WEBP_HEAD + b"ANMF\0\0\0\0" * 2000, "frames"),
    (b"\xff\xd8\xff" + b"\xff" * 100_000, "corrupt"),
    (b"\xff\xd8\xff\xe0\0\0" * 20_000, "corrupt"),
    (b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\x00\x03" + bytes(9) + b"\xff\xda" + bytes(20) + END, "nothing to see"),
    (b"\xff\xd8\xff\xda" + bytes(20) + END, "corrupt"),
    (b"\xff\xd8\xff", "corrupt"),
    (b"\xff\xd8\xff\xe0\xff\xff", "corrupt"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "corrupt"),
    (b"\0\0\0\x18ftypheic" + b"\xff" * 500, "corrupt"),
    (b"GIF89a" + bytes(100), "not a JPEG"),
    (b"P6\n99999 99999\n255\n", "not a JPEG"),
    (b"II\x2b\0" + bytes(40), "BigTIFF"),
    (b"MM\0\x2b" + bytes(40), "BigTIFF"),
    (b"<svg onload=alert(1)>", "not a JPEG"),
    (b"", "empty"),
]


@pytest.mark.parametrize(("data", "message"), HEADERS)
def test_each_broken_header_is_one_message(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        decode(data)


@pytest.mark.parametrize("frame", [0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCF])
def test_codings_no_camera_uses_are_refused(frame: int) -> None:
    at = JPEG.index(b"\xff\xc0")
    with pytest.raises(ImageError):
        decode(JPEG[: at + 1] + bytes((frame,)) + JPEG[at + 2 :])


@pytest.mark.parametrize("name", EVERY_KIND)
def test_no_flipped_byte_is_a_traceback(name: str) -> None:
    data, rng = bytearray(EVERY_KIND[name]), np.random.default_rng(7)
    for _ in range(25):
        at, value = int(rng.integers(len(data))), int(rng.integers(256))
        mutant = bytes(data[:at]) + bytes((value,)) + bytes(data[at + 1 :])
        try:
            assert decode(mutant).dtype == np.uint8
        except ImageError as error:
            assert str(error) and "\n" not in str(error)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_bands_are_as_the_whole(dtype: type[np.generic], channels: int) -> None:
    """150 rows are three bands; the numbers are worked out at once here."""
    if channels == 4 and dtype is not np.uint16:
        return
    rng = np.random.default_rng(3)
    pixels = (rng.random((150, 7, channels)) * 65_535).astype(dtype)
    done, data = cv2.imencode(".png" if dtype is np.uint16 else ".tiff", pixels)
    assert done
    whole = pixels.astype(float) * 255 / (65_535 if dtype is np.uint16 else pixels.max())
    rgb = whole[..., :3][..., ::-1] if channels > 1 else np.repeat(whole, 3, axis=2)
    if channels == 4:
        alpha = whole[..., 3:].round() / 255
        rgb = rgb.round() * alpha + 255 * (1 - alpha)
    assert np.abs(decode(data.tobytes()).astype(float) - rgb).max() <= 0.502
