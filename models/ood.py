"""A network's features at several depths, in one pass over many images: the input of out-of-distribution scores."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from core.atomic import write_bytes
from core.runs import Run
from evaluation.ood import Features, Reference, arrays, from_arrays
from imaging.decode import read_image
from models.classifier import Classifier
from models.layers import LayerInfo, listening, sublayers
from models.stream import stream_batches

DEPTHS = 6
MOST = 256  # channels used at each depth, evenly spaced; more would need more images than most datasets have
WIDEST = 2048  # of an embedding


def tapped(classifier: Classifier) -> list[LayerInfo]:
    """The layers whose feature maps are used: spatial ones, spread evenly from input to output."""
    layers = [x for x in classifier.layers if x.explainable]
    return [layers[k] for k in sorted({round(k) for k in np.linspace(0, len(layers) - 1, DEPTHS)})] if layers else []


def features(classifier: Classifier, prepared: np.ndarray) -> Features:
    """Of one batch of prepared images: spatial mean and standard deviation of each channel at each depth."""
    run = classifier.function(("ood",), lambda: _build(classifier))
    logits, probabilities, embedding, *pooled = (x.numpy() for x in run(prepared))
    known = embedding if classifier.embedded is not None else None
    if not pooled and known is not None:
        pooled = [known]  # a network without spatial layers still has its embedding
    return Features(tuple(pooled), known, logits, probabilities)


def features_of(
    classifier: Classifier, pictures: Sequence[Any], read: Callable[[Any], np.ndarray] = read_image
) -> Run[tuple[list[int], Features]]:
    """The positions of the images that could be read, and their features. pictures: files, or whatever `read` turns into uint8 RGB."""
    rows: list[int] = []
    found: list[Features] = []
    done = 0
    yield done, len(pictures)
    for batch in stream_batches(classifier, pictures, read=read):
        if batch.rows:
            rows += batch.rows
            found.append(features(classifier, batch.images))
        done += len(batch.rows) + len(batch.errors)
        yield done, len(pictures)
    return rows, joined(found) if found else features(classifier, np.zeros((0, *classifier.card.size, 3), np.float32))


def joined(parts: Sequence[Features]) -> Features:
    """Batches, concatenated."""
    embedding = None if parts[0].embedding is None else np.concatenate([p.embedding for p in parts if p.embedding is not None])
    return Features(
        tuple(np.concatenate(depth) for depth in zip(*(p.pooled for p in parts), strict=True)),
        embedding,
        np.concatenate([p.logits for p in parts]),
        np.concatenate([p.probabilities for p in parts]),
    )


def write_reference(reference: Reference, about: Mapping[str, str], path: Path) -> None:
    """One file of named arrays, written atomically."""
    buffer = BytesIO()
    metadata = np.frombuffer(json.dumps(dict(about)).encode(), np.uint8)
    np.savez_compressed(buffer, allow_pickle=False, about=metadata, **dict(arrays(reference)))
    write_bytes(path, buffer.getvalue())


def read_reference(path: Path) -> tuple[Reference, dict[str, str]] | None:
    """What `write_reference` saved; None if there is no such file, or another kind of file."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            content = {name: kept[name] for name in kept.files}
        return from_arrays(content), json.loads(content["about"].tobytes())
    except (KeyError, ValueError, OSError, IndexError, EOFError, RecursionError, BadZipFile):
        return None  # truncated, or of an older version: it is computed again


def _build(classifier: Classifier) -> Any:
    import tensorflow as tf

    layers = dict(sublayers(classifier.network))
    taps = [(x.path, layers[x.path]) for x in tapped(classifier)]

    @tf.function(input_signature=[classifier.input_spec()])
    def run(images: Any) -> Any:
        heard: dict[str, Any] = {}

        def note(path: str, _: tuple, output: Any) -> None:
            heard[path] = output

        with ExitStack() as stack:
            for path, layer in taps:
                stack.enter_context(listening(layer, partial(note, path)))
            outputs, embedding = classifier.logits_and_embedding(images)
        pooled = [_pooled(heard[path]) for path, _ in taps]
        return classifier.class_logits(outputs), classifier.probabilities(outputs), _few(embedding, WIDEST), *pooled

    return run


def _pooled(maps: Any) -> Any:
    import tensorflow as tf

    maps = _few(tf.cast(maps, tf.float32), MOST)
    return tf.concat([tf.reduce_mean(maps, axis=[1, 2]), tf.math.reduce_std(maps, axis=[1, 2])], axis=-1)


def _few(values: Any, most: int) -> Any:
    """At most `most` entries of the last axis, evenly spaced."""
    import tensorflow as tf

    wide = values.shape[-1]
    if wide is None or wide <= most:
        return values
    return tf.gather(values, np.linspace(0, wide - 1, most).round().astype(int), axis=-1)
