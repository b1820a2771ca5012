"""Decoding takes at most the bytes that were counted for it, whatever kind, depth and channels: peaks of resident memory in a child."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaging.decode import decode, encode_png, read_header
from tests.hostile.drawn import photo, png, saved

SLACK = 2_000_000  # what Python and its allocator add, at 6 megapixels
SIDES = (2000, 3000)


def pictures() -> dict[str, bytes]:
    """One of each kind, depth and number of channels; noise, which leaves no decoder a short cut, or zeros where only depth counts."""
    height, width = SIDES
    noise = Image.fromarray(photo(SIDES))
    flat = Image.fromarray(np.zeros((*SIDES, 4), np.uint8))
    found = {f"png {bits} {colour}": png(width, height, bits, colour) for bits in (8, 16) for colour in (0, 2, 4, 6)}
    turn = Image.Exif()
    turn[0x0112] = 6
    found["png turned"] = saved("PNG", flat.convert("RGB"), exif=turn)
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            found[f"jpeg {mode} {progressive}"] = saved("JPEG", noise.convert(mode), quality=80, subsampling=0, progressive=progressive)
    found["jpeg turned"] = saved("JPEG", noise, exif=turn)
    for lossless in (False, True):
        for mode in ("RGB", "RGBA"):
            found[f"webp {mode} {lossless}"] = saved("WEBP", noise.convert(mode), lossless=lossless, method=0, quality=10)
    found["webp animated"] = saved("WEBP", noise, save_all=True, append_images=[noise.rotate(180)], method=0)
    for mode in ("L", "RGB", "RGBA", "CMYK", "I;16", "F"):
        image = Image.new(mode, (width, height))
        for compression in (None, "tiff_lzw"):
            found[f"tiff {mode} {compression}"] = saved("TIFF", image, compression=compression)
    found["tiff turned"] = saved("TIFF", noise, exif=turn)
    found["bmp"] = saved("BMP", noise)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux resets the peak of a process")
def test_no_picture_takes_more_than_was_counted(tmp_path: Path) -> None:
    given = pictures()
    for number, data in enumerate(given.values()):
        (tmp_path / f"{number:03}").write_bytes(data)
    returned = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }  # what is freed goes back at once, so that one picture pays for itself alone
    order = [sys.executable, "-m", "tests.hostile.test_picture_memory", str(tmp_path)]
    done = subprocess.run(order, capture_output=True, text=True, check=True, env=returned)
    peaks = dict(zip(given, json.loads(done.stdout), strict=True))
    costs = {name: read_header(data).cost for name, data in given.items()}
    over = {name: f"{peak:,} of {costs[name]:,}" for name, peak in peaks.items() if peak > costs[name] + SLACK}
    assert not over
    print({name: f"{peak / 6e6:.1f} of {costs[name] / 6e6:.1f}" for name, peak in peaks.items()})


def measure(folder: Path) -> list[int]:
    """The rise of resident memory while each file is decoded, in bytes."""
    decode(encode_png(photo()))
    peaks = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
        decode(data)
        peaks.append(_resident("VmHWM") - before)
    return peaks


def _resident(which: str) -> int:
    found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
