"""The curves for TensorBoard, rewritten from the history when training resumes, so that no epoch appears twice."""

import shutil
from collections.abc import Sequence
from typing import Any

from training.folder import Epoch, Folder

RUNS = {"train": "train", "val": "validation"}
CURVES = ("loss", "accuracy", "balanced_accuracy")


class Logs:
    """Two runs, `train` and `validation`, with a scalar per curve; and the learning rate."""

    def __init__(self, folder: Folder, history: Sequence[Epoch]) -> None:
        import tensorflow as tf

        place = folder.path / "tensorboard"
        shutil.rmtree(place, ignore_errors=True)
        self._writers: dict[str, Any] = {k: tf.summary.create_file_writer(str(place / n)) for k, n in RUNS.items()}
        for epoch in history:
            self.add(epoch)

    def add(self, epoch: Epoch) -> None:
        for kind, writer in self._writers.items():
            with writer.as_default(step=epoch.epoch):
                for curve in CURVES:
                    _scalar(curve, getattr(epoch, f"{kind}_{curve}"))
                if kind == "train":
                    _scalar("rate", epoch.rate)
            writer.flush()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _scalar(name: str, value: float) -> None:
    """As tf.summary.scalar, which needs TensorBoard installed."""
    import tensorflow as tf

    about = tf.compat.v1.SummaryMetadata(data_class=1)  # DATA_CLASS_SCALAR
    about.plugin_data.plugin_name = "scalars"
    tf.summary.write(name, tf.constant(value, tf.float32), metadata=about)
