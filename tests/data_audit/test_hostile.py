"""A dataset from a stranger at its worst: each bad file and bad cell is a listed problem, and everything else is audited."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.runs import finish
from data_audit.audit import Asked, audit_dataset
from data_audit.scan import mask_file
from datasets.opening import open_dataset
from imaging.decode import encode_jpeg
from reports.audit_report import audit_html

GOOD = ("good", "sixteen", "cmyk", "grey", "rgba", "animated", "other_name", "one_pixel", "tall", "quarter")
BAD = ("corrupt", "truncated", "empty", "bomb", "text", "no_file")


def picture(seed: int, size: tuple[int, int] = (90, 120)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    skin = np.full((*size, 3), (215, 170, 140), np.float32) + rng.normal(0, 4, (*size, 3))
    cv2.circle(skin, (size[1] // 2, size[0] // 2), min(size) // 4, (90, 60, 45), -1)
    return skin.clip(0, 255).astype(np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds nothing."""
    content = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + content + struct.pack(">I", zlib.crc32(b"IHDR" + content))
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    folder = tmp_path / "stranger"
    images = folder / "images"
    images.mkdir(parents=True)
    whole = encode_jpeg(picture(1))
    (images / "good.jpg").write_bytes(whole)
    cv2.imwrite(str(images / "sixteen.png"), picture(2).astype(np.uint16) * 257)
    Image.fromarray(picture(3)).convert("CMYK").save(images / "cmyk.jpg")
    Image.fromarray(picture(4)).convert("L").save(images / "grey.png")
    Image.fromarray(picture(5)).convert("RGBA").save(images / "rgba.png")
    frames = [Image.fromarray(picture(k)) for k in (6, 7)]
    frames[0].save(images / "animated.webp", save_all=True, append_images=frames[1:])
    (images / "other_name.png").write_bytes(encode_jpeg(picture(8)))
    Image.fromarray(np.full((1, 1, 3), 120, np.uint8)).save(images / "one_pixel.png")
    Image.fromarray(picture(9, (900, 30))).save(images / "tall.png")
    Image.fromarray(np.rot90(picture(10))).save(images / "quarter.png")
    (images / "corrupt.jpg").write_bytes(whole[:200] + bytes(2000) + whole[900:])
    (images / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (images / "empty.jpg").write_bytes(b"")
    (images / "bomb.png").write_bytes(png_header(30_000, 30_000))
    (images / "text.jpg").write_text("<script>alert(1)</script>")
    (tmp_path / "secret.jpg").write_bytes(encode_jpeg(picture(11)))
    return folder


def write_table(folder: Path, encoding: str = "utf-8", separator: str = ",", newline: str = "\n") -> None:
    ids = [*GOOD, *BAD, "../secret", "/etc/passwd", "..\\secret.jpg"]
    header = ["image_id", "dx", "lesion_id", "age", "note", "note", *[f"c{k}" for k in range(200)]]
    rows = []
    for k, image_id in enumerate(ids):
        note = f'"=HYPERLINK(""x"")\n<script>alert({k})</script>"'
        rows.append([image_id, "nv" if k % 2 else "mel", f"=L{k}", str(30 + k), note, '"zweite Zeile, Größe"', *["0"] * 200])
    text = newline.join(separator.join(row) for row in [header, *rows]) + newline
    (folder / "metadata.csv").write_bytes(text.encode(encoding))


@pytest.mark.parametrize(
    ("encoding", "separator", "newline"), [("utf-8-sig", ",", "\n"), ("latin-1", ";", "\r\n"), ("utf-8", "\t", "\r\n")]
)
def test_everything_bad_is_listed_and_everything_else_is_audited(
    hostile: Path, tmp_path: Path, encoding: str, separator: str, newline: str
) -> None:
    write_table(hostile, encoding, separator, newline)
    dataset = open_dataset(hostile)
    out = tmp_path / "out"
    audit = finish(audit_dataset(dataset, out, Asked(fractions="60/40")))
    images = pd.read_parquet(out / "images.parquet").set_index("image_id")
    assert images.loc[list(GOOD), "error"].isna().all(), images["error"].dropna().to_dict()
    assert images.loc[list(BAD), "error"].notna().all()
    assert "30,000" in images.loc["bomb", "error"] or "30000" in images.loc["bomb", "error"]  # type: ignore[operator]
    assert images.loc[list(GOOD), "ink_score"].between(0, 1).all() and images.loc[list(BAD), "ink_score"].isna().all()
    outside = [i for i in images.index if "secret" in i or "passwd" in i]
    assert outside and images.loc[outside, "error"].notna().all(), "nothing outside the dataset is read"
    kinds = {f.kind: f for f in audit.findings}
    assert {"truncated", "corrupt", "bomb", "text"} <= set(kinds["unreadable images"].image_ids)
    written = {p for p in tmp_path.rglob("*") if p.is_file() and hostile not in p.parents}
    assert all(out in p.parents or p.name == "secret.jpg" for p in written)
    assert "'=L" not in (out / "split.csv").read_text(encoding="utf-8") and json.loads((out / "audit.json").read_text(encoding="utf-8"))
    page = audit_html(dataset, audit)
    assert "<script" not in page and "alert(" not in page.replace("&lt;script&gt;alert(", "")


def test_no_id_leads_a_mask_out_of_its_folder(tmp_path: Path) -> None:
    for image_id in ("../../x", "/etc/passwd", "..", "a/b", "a\\b", "C:x", "nul\0l", "ä" * 300):
        file = mask_file(tmp_path, image_id)
        assert file.parent == tmp_path
        file.write_bytes(b"a name the disk takes")
    assert len(list(tmp_path.iterdir())) == 8
