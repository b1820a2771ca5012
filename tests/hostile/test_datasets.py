"""Folders and tables from strangers: each dirty entry is one listed problem, the rest goes on, and nothing waits or grows."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import DatasetError, WorkspaceError
from core.regular import NotRegular, TooLarge, open_regular, read_regular, showable, shown
from core.tables import Limits, Table, read_arrow, read_header, read_text_table
from datasets import files
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from datasets.splits import read_split
from imaging.decode import encode_jpeg
from tests.hostile.drawn import photo
from workspace import Workspace

HAM = "lesion_id,image_id,dx\n" + "".join(f"L{k},I_{k},{'mel' if k % 2 else 'nv'}\n" for k in range(4))
PICTURE = encode_jpeg(photo((12, 16)))


def kinds(data: Dataset) -> dict[str, tuple[str, ...]]:
    return {p.kind: p.rows for p in data.problems}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    (root / "metadata.csv").write_text(HAM)
    for k in range(4):
        (root / f"I_{k}.jpg").write_bytes(PICTURE)
    return root


def link(path: Path, to: str | Path) -> None:
    path.symlink_to(to)


def sock(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # the address of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


# what is put beside a good dataset as `x.jpg`, `x.csv` …, and the problem it is listed under
DIRT: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (os.mkfifo, "pipes, sockets and devices"),
    "socket": (sock, "pipes, sockets and devices"),
    "link to a device": (lambda p: link(p, "/dev/zero"), "links out of the dataset"),
    "link to nothing": (lambda p: link(p, "nowhere"), "links to nothing"),
    "git-annex": (lambda p: link(p, "../.git/annex/objects/Xx/yY/SHA256E-s10--ab.jpg/SHA256E-s10--ab.jpg"), "links to nothing"),
    "absolute": (lambda p: link(p, "/nowhere/at/all"), "links to nothing"),
    "itself": (lambda p: link(p, p.name), "links in a circle"),
    "outwards": (lambda p: link(p, "/etc/passwd"), "links out of the dataset"),
    "above": (lambda p: link(p, ".."), "links out of the dataset"),
    "own folder": (lambda p: link(p, "."), "links to folders"),
    "proc": (lambda p: link(p, "/proc/self/environ"), "links out of the dataset"),
}


@pytest.mark.parametrize("name", ["x.jpg", "x.csv", "x.json", "metadata.parquet", "x_segmentation.png", "README"])
@pytest.mark.parametrize("kind", DIRT)
def test_each_dirty_entry_is_a_problem_and_the_rest_goes_on(folder: Path, kind: str, name: str) -> None:
    make, problem = DIRT[kind]
    make(folder / name)
    data = open_dataset(folder)
    assert kinds(data) == {problem: (name,)}
    assert data.table["file"].notna().sum() == 4 and [data.read(i).shape for i in data.table["image_id"]] == [(12, 16, 3)] * 4


@pytest.mark.parametrize("kind", DIRT)
def test_dirt_in_place_of_a_picture_or_the_table(folder: Path, kind: str) -> None:
    (folder / "I_0.jpg").unlink()
    DIRT[kind][0](folder / "I_0.jpg")
    data = open_dataset(folder)
    assert kinds(data) == {"missing files": ("I_0",), DIRT[kind][1]: ("I_0.jpg",)}
    (folder / "metadata.csv").unlink()
    DIRT[kind][0](folder / "metadata.csv")
    with pytest.raises(DatasetError, match="matches no layout"):
        open_dataset(folder)


def test_links_within_the_folder_are_followed(folder: Path) -> None:
    store = folder / ".git" / "annex" / "objects"
    store.mkdir(parents=True)
    (folder / "I_0.jpg").rename(store / "key")
    (folder / "I_0.jpg").symlink_to(".git/annex/objects/key")
    data = open_dataset(folder)
    assert not data.problems and data.read("I_0").shape == (12, 16, 3)
    (folder.parent / "alias").symlink_to(folder)
    assert len(open_dataset(folder.parent / "alias")) == 4, "the folder itself may be reached by a link"


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        (b"\xff\xfe.jpg", r"\udcff\udcfe.jpg"),
        (b"M\xe9lanome.jpg", r"M\udce9lanome.jpg"),
        (b"\x1b[31mred.jpg", r"\x1b[31mred.jpg"),
        (b"two\nlines.jpg", r"two\nlines.jpg"),
        (b"tab\t.csv", r"tab\t.csv"),
        (b"\x7f.json", r"\x7f.json"),
        ("\x85next.jpg".encode(), r"\x85next.jpg"),
        ("\u2028.jpg".encode(), r"\u2028.jpg"),
    ],
)
def test_names_that_cannot_be_shown_are_listed_in_escapes(folder: Path, name: bytes, listed: str) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(PICTURE)
    assert kinds(open_dataset(folder)) == {"names that cannot be shown": (listed,)}
    sub = Path(os.fsdecode(os.fsencode(folder) + b"/in" + name))
    sub.mkdir()
    (sub / "lost.jpg").write_bytes(PICTURE)
    assert set(kinds(open_dataset(folder))["names that cannot be shown"]) == {listed, "in" + listed}
    listed.encode()


@pytest.mark.parametrize(
    "name", ["Größe.jpg", "病变.jpg", "a b.jpg", "a\u00a0b.jpg", "👩🏽\u200d⚕️.jpg", "\u202egpj.jpg", "-rf.jpg", "%00.jpg", "[bold].jpg"]
)
def test_other_names_are_a_picture_s(folder: Path, name: str) -> None:
    (folder / name).write_bytes(PICTURE)
    assert kinds(open_dataset(folder)) == {"images no row names": (name,)} and showable(name) and shown(name) == name


def nest(root: Path, depth: int, name: str = "d") -> None:
    """Folders within folders, deeper than a path may be long."""
    here = Path.cwd()
    os.chdir(root)
    try:
        for _ in range(depth):
            Path(name).mkdir()
            os.chdir(name)
        Path("deep.jpg").write_bytes(PICTURE)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(("depth", "name", "problem"), [(1000, "d", "folders too deep"), (31, "n" * 250, "folders that cannot be listed")])
def test_folders_within_folders_end_somewhere(folder: Path, depth: int, name: str, problem: str) -> None:
    try:
        nest(folder, depth, name)
        found = kinds(open_dataset(folder))
        assert list(found) == [problem] and len(found[problem]) == 1
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)  # deeper than Python goes


def test_a_picture_as_deep_as_allowed_is_found(folder: Path) -> None:
    nest(folder, files.MAX_DEPTH)
    assert kinds(open_dataset(folder)) == {"images no row names": ("d/" * files.MAX_DEPTH + "deep.jpg",)}


def test_entries_of_all_folders_are_counted_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".hidden").mkdir()
    monkeypatch.setattr(files, "MAX_FILES", 6)
    assert len(open_dataset(folder)) == 4
    (folder / "sub").mkdir()
    with pytest.raises(DatasetError, match=r"more than 6 files.*subfolder"):
        open_dataset(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_closed_folder_is_a_problem(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    assert kinds(open_dataset(folder)) == {"folders that cannot be listed": ("closed",)}


@pytest.mark.parametrize("make", [os.mkfifo, sock])
def test_what_is_no_folder_and_no_file_is_no_dataset(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x.csv")
    for path in (tmp_path / "x.csv", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(DatasetError, match="neither a folder nor a file"):
            open_dataset(path)
    for read in (open_regular, lambda p: read_regular(p, 10)):
        for path in (Path("/dev/zero"), tmp_path):
            with pytest.raises(NotRegular):
                read(path)


def test_no_more_is_read_than_allowed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(TooLarge):
        read_regular(path, 4)
    assert len(read_regular(Path("/proc/self/status"), 100_000)) > 100, "a file that says it is empty and is not"


# --- tables: bytes → the frame as lists, lines that are too long, too short, names that are doubled

TABLES: dict[str, tuple[bytes, dict[str, list], tuple, tuple, tuple]] = {
    "plain": (b"a,b\n1,2\n", {"a": ["1"], "b": ["2"]}, (), (), ()),
    "too long": (b"a,b\n1,2\n3,4,5\n6,7\n", {"a": ["1", "6"], "b": ["2", "7"]}, (3,), (), ()),
    "first too long": (b"a,b\n1,2,9\n3,4\n", {"a": ["3"], "b": ["4"]}, (2,), (), ()),
    "all too long": (b"a,b\n1,2,9\n3,4,9\n", {"a": [], "b": []}, (2, 3), (), ()),
    "too short": (b"a,b\n1\n3,4\n", {"a": ["1", "3"], "b": [None, "4"]}, (), (2,), ()),
    "both": (b"a,b\n1,2,9\n3\n5,6\n", {"a": ["3", "5"], "b": [None, "6"]}, (2,), (3,), ()),
    "long in quotes": (b'a,b\n"1\n1",2\n3,4,"5\n5"\n6,7\n', {"a": ["1\n1", "6"], "b": ["2", "7"]}, (4,), (), ()),
    "short in quotes": (b'a,b\n"1,1"\n3,4\n', {"a": ["1,1", "3"], "b": [None, "4"]}, (), (2,), ()),
    "empty but not short": (b"a,b\n1,\n3,4\n", {"a": ["1", "3"], "b": [None, "4"]}, (), (), ()),
    "trailing separators": (b"a,b\n1,2,\n3,4,,\n", {"a": ["1", "3"], "b": ["2", "4"]}, (), (), ()),
    "blank lines": (b"\n\na,b\n\n1,2\n\n3,4,5\n", {"a": ["1"], "b": ["2"]}, (7,), (), ()),
    "header only": (b"a,b\n", {"a": [], "b": []}, (), (), ()),
    "no end of line": (b"a,b\n1,2", {"a": ["1"], "b": ["2"]}, (), (), ()),
    "old Mac": (b"a,b\r1,2\r", {"a": ["1"], "b": ["2"]}, (), (), ()),
    "Windows": (b"a,b\r\n1,2\r\n3,4,5\r\n", {"a": ["1"], "b": ["2"]}, (3,), (), ()),
    "BOM": (b"\xef\xbb\xbfa,b\n1,2\n", {"a": ["1"], "b": ["2"]}, (), (), ()),
    "UTF-16": ("a,b\nß,2\n".encode("utf-16"), {"a": ["ß"], "b": ["2"]}, (), (), ()),
    "UTF-16 BE": (b"\xfe\xff" + "a,b\nß,2\n".encode("utf-16-be"), {"a": ["ß"], "b": ["2"]}, (), (), ()),
    "UTF-32": ("a,b\nß,2\n".encode("utf-32"), {"a": ["ß"], "b": ["2"]}, (), (), ()),
    "Latin-1": ("a,b\nß,2\n".encode("latin-1"), {"a": ["ß"], "b": ["2"]}, (), (), ()),
    "half a character": (b"a,b\n\xc3,2\n", {"a": ["Ã"], "b": ["2"]}, (), (), ()),
    "semicolons": (b"a;b\n1,5;2\n", {"a": ["1,5"], "b": ["2"]}, (), (), ()),
    "tabs": (b"a\tb\n1\t2\n", {"a": ["1"], "b": ["2"]}, (), (), ()),
    "a space beside": (b"a,a \n1,2\n", {"a": ["1"], "a.1": ["2"]}, (), (), ("a",)),
    "thrice": (b"a, a,a\n1,2,3\n", {"a": ["1"], "a.1": ["2"], "a.2": ["3"]}, (), (), ("a",)),
    "a number taken": (b"a,a.1,a\n1,2,3\n", {"a": ["1"], "a.1": ["2"], "a.2": ["3"]}, (), (), ("a",)),
    "no name": (b",b\n1,2\n", {"Unnamed: 0": ["1"], "b": ["2"]}, (), (), ()),
    "spaces": (b" a , b \n 1 , 2 \n", {"a": ["1"], "b": ["2"]}, (), (), ()),
    "words for nothing": (b"a,b\nNA,null\n", {"a": ["NA"], "b": ["null"]}, (), (), ()),
    "formulas": (b"a,b\n=1+1,@x\n", {"a": ["=1+1"], "b": ["@x"]}, (), (), ()),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_and_what_is_wrong_with_their_rows(tmp_path: Path, name: str) -> None:
    raw, frame, long, short, doubled = TABLES[name]
    (tmp_path / "t.csv").write_bytes(raw)
    table = read_text_table(tmp_path / "t.csv", DatasetError)
    found = {c: [None if pd.isna(v) else v for v in table.frame[c]] for c in table.frame}
    assert (found, table.long, table.short, table.doubled) == (frame, long, short, doubled)
    assert len(read_header(tmp_path / "t.csv", DatasetError)) == len(frame)


SMALL = Limits(size=100_000, rows=50, columns=20, cells=300, cell=30, line=2_000, text=100_000)
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "BOM alone": (b"\xef\xbb\xbf", "is empty"),
    "spaces": (b" \n \n", "is empty"),
    "separators": (b",,,,\n1,2\n", "is empty"),
    "NUL": (b"a,b\n1,\0\n", "line 2 holds a NUL byte"),
    "late NUL": (b"a,b\n" + b"1,2\n" * 40 + b"\0,1\n", "line 42 holds a NUL byte"),
    "UTF-16 without BOM": ("a,b\n1,2\n".encode("utf-16-le"), "NUL byte"),
    "half of UTF-16": ("a,b\n1,2\n".encode("utf-16")[:-1], "truncated|utf-16|cannot be read"),
    "a program": (b"\x7fELF" + bytes(100), "NUL byte"),
    "open quote": (b'a,b\n1,"2\n3,4\n', "quotation mark in row 2 is never closed"),
    "open quote in the header": (b'a,"b\n1,2\n', "never closed|is empty"),
    "rows": (b"a\n" + b"1\n" * 51, "51 lines|52 lines"),
    "columns": (b",".join(b"c%d" % k for k in range(21)) + b"\n", "21 columns"),
    "cells": (b"a,b,c,d,e,f,g\n" + b"1,2,3,4,5,6,7\n" * 45, "cells; the limit is 300"),
    "cell": (b"a,b\n1," + b"x" * 31 + b"\n", "31 characters in a cell of column 'b'"),
    "cell of lines": (b'a,b\n1,"' + b"x\n" * 16 + b'"\n', "characters in a cell of column 'b'"),
    "line": (b"a,b\n1," + b"x" * 2_000 + b"\n", "bytes in line 2"),
    "size": (b"a,b\n" + b"1,2\n" * 25_001, "over 0 MB|bytes"),
    "quotes": (b'"' * 1_999, "never closed|too long|is empty|characters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tables_beyond_the_limits_are_refused_in_one_message(tmp_path: Path, name: str) -> None:
    raw, message = REFUSED[name]
    (tmp_path / "t.csv").write_bytes(raw)
    with pytest.raises(DatasetError, match=message) as caught:
        read_text_table(tmp_path / "t.csv", DatasetError, SMALL)
    assert str(caught.value).startswith("t.csv: ") and "\n" not in str(caught.value)


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=1 << 20)
    return path


def repeated(value: object, n: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), [value])


def test_a_small_parquet_of_thirty_million_rows_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "big.parquet"
    with pq.ParquetWriter(path, pa.schema([("image_id", repeated("x", 1).type)]), compression="zstd") as writer:
        for _ in range(30):
            writer.write_table(pa.table({"image_id": repeated("x", 1_000_000)}))
    assert path.stat().st_size < 200_000
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    with pytest.raises(DatasetError, match="30,000,000 rows"):
        read_text_table(path, DatasetError)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000 and pa.total_allocated_bytes() - before < 1_000_000
    tracemalloc.stop()
    with pytest.raises(DatasetError, match="30,000,000 rows"):
        open_dataset(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": repeated("x", 51)}, "51 rows"),
        ({f"c{k}": [1] for k in range(21)}, "21 columns"),
        ({f"c{k}": np.zeros(40) for k in range(10)}, "400 cells"),
        ({"a": repeated("x" * 31, 10)}, "31 bytes in a cell of column 'a'"),
        ({"a": [np.random.default_rng(0).bytes(120_000)]}, "bytes"),
    ],
)
def test_parquet_beyond_the_limits(tmp_path: Path, columns: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_text_table(parquet(tmp_path / "t.parquet", **columns), DatasetError, SMALL)


def test_a_long_text_repeated_is_counted_before_it_is_unpacked(tmp_path: Path) -> None:
    """90 kB a cell, 200,000 times: 18 GB, in a file of some kilobytes."""
    path = parquet(tmp_path / "t.parquet", image_id=repeated("x" * 90_000, 200_000))
    assert path.stat().st_size < 50_000
    with pytest.raises(DatasetError, match="bytes of content"):
        read_text_table(path, DatasetError)
    with pytest.raises(DatasetError, match="lists of text"):
        read_arrow(parquet(tmp_path / "n.parquet", a=[["x"]]), DatasetError)


def test_a_parquet_s_values_are_text_and_its_lists_are_left_out(tmp_path: Path) -> None:
    columns = {
        "image_id": repeated("x", 2),
        "age": [50, None],
        "b": [True, False],
        "l": [[1], [2]],
        "when": pa.array([1, 2], pa.timestamp("s")),
        "day": pa.array([2**31 - 1, 0], pa.date32()),
        "raw": pa.array([b"x", b"y"], pa.binary()),
    }
    found: Table = read_text_table(parquet(tmp_path / "t.parquet", **columns), DatasetError)
    assert list(found.frame["image_id"]) == ["x", "x"] and list(found.frame["age"].fillna("–")) == ["50.0", "–"]
    assert list(found.frame["b"]) == ["True", "False"] and "l" not in found.frame and found.nested == ("l",)
    assert list(found.frame["when"]) == ["1970-01-01 00:00:01.000", "1970-01-01 00:00:02.000"] and list(found.frame["raw"]) == ["x", "y"]
    assert found.frame["day"][1] == "1970-01-01" and "out of range" in found.frame["day"][0]


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
def test_a_torn_parquet_is_one_message(tmp_path: Path, share: float) -> None:
    path = parquet(tmp_path / "t.parquet", image_id=["a", "b"], dx=["nv", "mel"])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        open_dataset(path)


def test_ragged_rows_and_doubled_columns_are_problems_of_the_dataset(folder: Path) -> None:
    rows = [line + ",nv" for line in HAM.splitlines()[1:]]
    rows[1] += ",more"
    (folder / "metadata.csv").write_text("lesion_id,image_id,dx,dx \n" + "\n".join(rows) + "\nL9,I_9\n")
    data = open_dataset(folder)
    found = kinds(data)
    assert found["rows with too many cells"] == ("metadata.csv, line 3",)
    assert found["rows with too few cells"] == ("metadata.csv, line 6",)
    assert found["columns of one name"] == ("dx",)
    assert list(data.table["image_id"]) == ["I_0", "I_2", "I_3", "I_9"] and list(data.table["diagnosis"][:3]) == ["nv", "nv", "mel"]


@pytest.mark.parametrize("broken", [b"", b"\0", b'lesion_id,image_id,dx\n"', "image_id,dx\na,b\n".encode("utf-16-le")])
def test_a_broken_table_beside_a_good_one_is_listed(folder: Path, broken: bytes) -> None:
    (folder / "a.csv").write_bytes(broken)
    (folder / "metadata.csv").rename(folder / "z.csv")
    data = open_dataset(folder)
    assert len(data) == 4 and kinds(data)["unreadable tables"][0].startswith("a.csv: cannot be read as a table")


def test_the_only_table_being_broken_is_the_message(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(b'image_id,dx\na,"nv\n')
    with pytest.raises(DatasetError, match=r"no table that can be read.*metadata\.csv.*row 2 is never closed"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("raw", [b"", b"image_id\na\n", b"\0", b'image_id,split\n"a', b"x,y\n1,2\n"])
def test_a_split_that_is_none_is_one_message(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "split.csv").write_bytes(raw)
    with pytest.raises(DatasetError, match=r"split\.csv: cannot be read"):
        read_split(tmp_path / "split.csv")


@pytest.mark.parametrize(
    "content",
    [b"[" * 200_000, b'{"a":' * 100_000, b"\xff", b"", b"NaN", b'{"meta": 1e999}', b"{" + b" " * (1 << 20) + b"}", b'"x"', b"null"],
)
def test_metadata_in_json_that_cannot_be_read_is_listed_or_empty(tmp_path: Path, content: bytes) -> None:
    for k in range(3):
        (tmp_path / f"I_{k}.jpg").write_bytes(PICTURE)
        (tmp_path / f"I_{k}.json").write_text('{"meta": {"clinical": {"benign_malignant": "benign"}}}')
    (tmp_path / "I_1.json").write_bytes(content)
    data = open_dataset(tmp_path)
    assert data.layout == "isic-json" and len(data) == 3 and list(data.table["diagnosis"].isna()) == [False, True, False]
    assert set(kinds(data)) <= {"unreadable metadata", "images without a diagnosis"}


def test_files_that_become_something_else_are_not_waited_for(folder: Path) -> None:
    """Between the walk and the reading: a pipe where a picture was."""
    data = open_dataset(folder)
    (folder / "I_1.jpg").unlink()
    os.mkfifo(folder / "I_1.jpg")
    with pytest.raises(Exception, match=r"I_1\.jpg: cannot be read \(not a regular file\)"):
        data.read("I_1")


def test_a_lone_carriage_return_ends_a_row_too(tmp_path: Path) -> None:
    """A file whose few lines hold a million records."""
    (tmp_path / "t.csv").write_bytes(b"image_id,dx\n" + (b"a\r" * 250_000 + b"\n") * 10)
    with pytest.raises(DatasetError, match="it has 2,500,001 lines; the limit is 2,000,001"):
        read_text_table(tmp_path / "t.csv", DatasetError)


def test_blank_lines_are_no_short_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image_id,dx\na,nv\n   \nb\n")
    assert read_text_table(tmp_path / "t.csv", DatasetError).short == (4,)


@pytest.mark.parametrize(
    ("table", "reason"),
    [(b"image_id,dx\na,1,2\nb,1,2\n", "has no rows; 2 rows with more cells"), (b"image_id,dx\n\0", "line 2 holds a NUL byte")],
)
def test_why_the_only_table_beside_pictures_does_not_help_is_said(tmp_path: Path, table: bytes, reason: str) -> None:
    (tmp_path / "m.csv").write_bytes(table)
    (tmp_path / "a.jpg").write_bytes(PICTURE)
    with pytest.raises(DatasetError, match=reason):
        open_dataset(tmp_path)


def test_a_table_of_images_is_found_behind_many_others(folder: Path) -> None:
    (folder / "metadata.csv").rename(folder / "z.csv")
    for k in range(60):
        (folder / f"a{k}.csv").write_text("x,y\n1,2\n")
    assert len(open_dataset(folder)) == 4


def test_columns_that_share_a_name_of_ours_are_kept_and_said(folder: Path) -> None:
    rows = [f"{line},foo,here,there" for line in HAM.splitlines()[1:]]
    (folder / "metadata.csv").write_text("lesion_id,image_id,dx,label,site,localization\n" + "\n".join(rows))
    data = open_dataset(folder)
    assert list(data.table["label.1"]) == ["foo"] * 4 and list(data.table["site.1"]) == ["here"] * 4
    assert list(data.table["site"]) == ["there"] * 4 and list(data.table["label"]) == ["nv", "mel", "nv", "mel"]
    assert kinds(data)["renamed columns"] == ("label: label.1", "site: site.1")


@pytest.mark.parametrize("columns", ["image_id,image,age", "image,foo__extra,age"])
def test_metadata_of_a_challenge_are_joined_whatever_their_columns_are_called(tmp_path: Path, columns: str) -> None:
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text("image,MEL,NV\na,1,0\nb,0,1\n")
    (tmp_path / "ISIC_2019_Training_Metadata.csv").write_text(f"{columns}\na,a,30\n")
    for k in "ab":
        (tmp_path / f"{k}.jpg").write_bytes(PICTURE)
    data = open_dataset(tmp_path)
    assert list(data.table["image_id"]) == ["a", "b"] and data.table["age"][0] == 30 and np.isnan(data.table["age"][1])


@pytest.mark.parametrize("written", ['{"diagnosis": "\\ud800nevus"}', '{"diagnosis": "nevus", "\\ud800": "1"}', "many fields"])
def test_json_beside_an_image_that_is_no_text_is_listed(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.json").write_text(written if "ud800" in written else json.dumps({str(k): k for k in range(501)}))
    (tmp_path / "b.json").write_text('{"diagnosis": "melanoma"}')
    for k in "ab":
        (tmp_path / f"{k}.jpg").write_bytes(PICTURE)
    data = open_dataset(tmp_path)
    assert kinds(data)["unreadable metadata"] == ("a.json",) and data.table["diagnosis"][1] == "mel"


def test_json_files_with_ever_other_fields_are_refused(tmp_path: Path) -> None:
    for k in range(10):
        (tmp_path / f"{k}.json").write_text(json.dumps({"diagnosis": "nevus", **{f"{k}-{n}": 1 for n in range(499)}}))
        (tmp_path / f"{k}.jpg").write_bytes(PICTURE)
    with pytest.raises(DatasetError, match="10 JSON files with 4,992 different fields"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("name", ["x" * 300, "", "a\0b"])
def test_names_that_no_path_can_have_are_one_message(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkspaceError, match="contains no dataset"):
        Workspace(tmp_path).dataset_path(name)
