"""Explaining a dataset or an image: raw maps, predictions and embeddings, saved as Parquet.

A run is saved in parts, each written atomically, so that a killed run resumes where it stopped; at the end the parts
are joined into one file of each kind. Memory use does not grow with the number of images.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.atomic import whole
from core.runs import Run
from explain.cam import WEIGHTS, cam_all_classes
from explain.engine import Engine, open_engine
from explain.map_file import MAPS, MapWriter, described
from explain.methods import DEFAULT, METHODS, Settings, attribute, explained_layer
from models.classifier import BATCH, Classifier, Prediction
from models.predictions import PredictionTable, column_names, write_predictions
from models.run import run_digest
from models.stream import stream_batches

SAVE_EVERY = 20  # batches per part
ALL = "all"  # the target that means every class

VECTOR = pa.list_(pa.float32())
SCORES = pa.schema([("image_id", pa.string()), ("logits", VECTOR), ("probabilities", VECTOR), ("embedding", VECTOR)])
EMBEDDINGS = pa.schema([("image_id", pa.string()), ("embedding", VECTOR)])


@dataclass(frozen=True)
class Request:
    """What to explain and how. target: a class, `all`, or None for each image's predicted class."""

    method: str
    target: str | None = None
    layer: str | None = None
    settings: Settings = DEFAULT
    engine: str = "auto"


@dataclass(frozen=True)
class ExplainedBatch:
    """rows: positions in the list of files; maps: float32 (n, t, h, w), signed; targets: int (n, t); errors: by row."""

    rows: list[int]
    prediction: Prediction
    maps: np.ndarray
    targets: np.ndarray
    errors: dict[int, str]


@dataclass(frozen=True)
class Explained:
    """Summary of a run: how many maps, how many of them without evidence for their class, which files could not be read."""

    images: int
    maps: int
    empty: int
    errors: Mapping[str, str]
    note: str = ""

    @property
    def empty_share(self) -> float:
        return self.empty / self.maps if self.maps else float("nan")


def explain_files(classifier: Classifier, paths: Sequence[Path], request: Request, batch: int = BATCH) -> Iterator[ExplainedBatch]:
    """Predict and explain image files batch by batch."""
    engine = _engine(classifier, request)
    nothing = np.zeros((0, len(classifier.card.classes)), np.float32)
    empty = Prediction(nothing, nothing), np.zeros((0, 1, 1, 1), np.float32), np.zeros((0, 1), int)
    for loaded in stream_batches(classifier, paths, batch):
        prediction, maps, targets = _explain(classifier, loaded.images, request, engine) if loaded.rows else empty
        yield ExplainedBatch(loaded.rows, prediction, maps, targets, loaded.errors)


def explain_dataset(
    classifier: Classifier, files: Mapping[str, Path], about: Mapping[str, str], out: Path, request: Request
) -> Run[Explained]:
    """Explain image_id → file into `explanations.parquet`, `predictions.parquet` and `embeddings.parquet` of a folder.

    about: version, hashes, parameters; a killed run with the same ones in the same folder is resumed.
    """
    ids, n_files = list(files), len(files)
    engine = _engine(classifier, request)
    kept = out / f".explaining-{run_digest(about, ids)}"
    kept.mkdir(parents=True, exist_ok=True)
    span = SAVE_EVERY * BATCH
    parts = -(-n_files // span)
    first = next((k for k in range(parts) if not _scores_file(kept, k).exists()), parts)
    done = min(first * span, n_files)
    yield done, n_files
    part = _Part(kept, first, about)
    try:
        for number, batch in enumerate(explain_files(classifier, list(files.values())[done:], request), 1):
            part.add([ids[first * span + r] for r in batch.rows], batch, classifier, request)
            part.errors |= {ids[first * span + r]: reason for r, reason in batch.errors.items()}
            done += len(batch.rows) + len(batch.errors)
            if number % SAVE_EVERY == 0 or done == n_files:
                part.close()
                part = _Part(kept, part.number + 1, about)
            yield done, n_files
    finally:
        part.discard()
    explained = _join(kept, parts, out, classifier, about, engine.note if engine else "")
    shutil.rmtree(kept)
    return explained


def _explain(
    classifier: Classifier, prepared: np.ndarray, request: Request, engine: Engine | None
) -> tuple[Prediction, np.ndarray, np.ndarray]:
    """Scores, maps (n, t, h, w), targets (n, t)."""
    n, classes = len(prepared), len(classifier.card.classes)
    if request.target == ALL and request.method in WEIGHTS:
        prediction, maps = cam_all_classes(classifier, prepared, request.method, request.layer, engine)
        return prediction, maps, np.tile(np.arange(classes), (n, 1))
    index: list[int | None] = [None]
    if request.target is not None:
        index = list(range(classes)) if request.target == ALL else [classifier.target_index(request.target)]
    found = [
        attribute(
            classifier, prepared, None if k is None else np.full(n, k, np.int32), request.method, request.layer, request.settings, engine
        )
        for k in index
    ]
    return found[0].prediction, np.stack([f.maps for f in found], axis=1), np.stack([f.targets for f in found], axis=1)


def _engine(classifier: Classifier, request: Request) -> Engine | None:
    if request.method not in WEIGHTS:
        return None
    return open_engine(request.engine, classifier, classifier.layer(request.layer))


class _Part:
    """Some batches of a run, written to two files; complete once its scores exist."""

    def __init__(self, folder: Path, number: int, about: Mapping[str, str]) -> None:
        self.folder, self.number, self.errors = folder, number, dict[str, str]()
        self._maps = MapWriter(_maps_file(folder, number), about)
        self._scores: list[pa.Table] = []
        self._count = {"maps": 0, "empty": 0}
        self._open = True

    def add(self, image_ids: list[str], batch: ExplainedBatch, classifier: Classifier, request: Request) -> None:
        if not image_ids:
            return
        n, t = batch.targets.shape
        names = [classifier.card.classes[int(k)] for k in batch.targets.ravel()]
        flat = batch.maps.reshape(n * t, *batch.maps.shape[2:])
        layer = explained_layer(classifier, request.method, request.layer)
        self._maps.write(np.repeat(image_ids, t).tolist(), request.method, layer, names, flat)
        evidence = METHODS[request.method].evidence(flat)
        self._count["maps"] += n * t
        self._count["empty"] += int((evidence.max(axis=(1, 2)) <= 0).sum())
        p = batch.prediction
        embedding = list(p.embedding) if p.embedding is not None else [None] * n
        self._scores.append(pa.table([image_ids, list(p.logits), list(p.probabilities), embedding], schema=SCORES))

    def close(self) -> None:
        self._maps.close()
        about = {"errors": json.dumps(self.errors), **{k: str(v) for k, v in self._count.items()}}
        path = _scores_file(self.folder, self.number)
        scores = pa.concat_tables([SCORES.empty_table(), *self._scores]).replace_schema_metadata(about)
        with whole(path) as part:
            pq.write_table(scores, part)
        self._open = False

    def discard(self) -> None:
        if self._open:
            self._maps.discard()
            self._open = False


def _join(kept: Path, parts: int, out: Path, classifier: Classifier, about: Mapping[str, str], note: str) -> Explained:
    """Joins the parts into one file of each kind, predictions last: if they exist, everything does."""
    ids, logits, probabilities = [], [], []
    errors: dict[str, str] = {}
    count = {"maps": 0, "empty": 0}
    with ExitStack() as files:
        maps = files.enter_context(_joined(out / "explanations.parquet", MAPS, about))
        embedded = classifier.embedded is not None
        vectors = files.enter_context(_joined(out / "embeddings.parquet", EMBEDDINGS, about)) if embedded else None
        for k in range(parts):
            for group in pq.ParquetFile(_maps_file(kept, k)).iter_batches(1024):
                maps.write_batch(group)
            scores = pq.read_table(_scores_file(kept, k))
            meta = {key.decode(): value.decode() for key, value in (scores.schema.metadata or {}).items()}
            errors |= json.loads(meta["errors"])
            count = {key: count[key] + int(meta[key]) for key in count}
            if len(scores):
                ids += scores["image_id"].to_pylist()
                logits.append(_matrix(scores["logits"]))
                probabilities.append(_matrix(scores["probabilities"]))
                if vectors is not None:
                    vectors.write_table(scores.select(["image_id", "embedding"]).cast(vectors.schema))
    codes = column_names(classifier.card)
    empty = np.zeros((0, len(codes)), np.float32)
    table = PredictionTable(tuple(ids), codes, np.concatenate([empty, *probabilities]), np.concatenate([empty, *logits]), errors, about)
    write_predictions(table, out / "predictions.parquet")
    return Explained(len(ids), count["maps"], count["empty"], errors, note)


@contextmanager
def _joined(path: Path, schema: pa.Schema, about: Mapping[str, str]) -> Iterator[pq.ParquetWriter]:
    with whole(path) as part, pq.ParquetWriter(part, described(schema, about), compression="zstd") as writer:
        yield writer


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    return np.stack(column.to_numpy())


def _maps_file(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.maps.parquet"


def _scores_file(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.scores.parquet"
