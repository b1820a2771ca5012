"""A flat copy of a network that tf-keras-vis can work on: images → feature maps → scores, nothing nested.

tf-keras-vis takes networks apart, which fails on nested ones. The copy is a Functional network of three custom
layers that call the real network, so there is nothing to take apart.
"""

import warnings
from typing import Any

from explain.engine import open_engine
from models.card import scale_tensor
from models.classifier import Classifier
from models.layers import LayerInfo

MAPS = "maps"  # the name of the layer that outputs the feature maps


def stand_in(classifier: Classifier, layer: LayerInfo | None, target: int | None = None, pixels: bool = False) -> Any:
    """A Keras 3 network whose outputs are logits (N, C), or [0, z] (N, 2) of one target.

    layer: whose output the layer `MAPS` returns; None: zeros. target: for independent sigmoid outputs, where softmax
    turns [0, z] into the class's probability. pixels: the input is RGB 0–255 instead of prepared images.
    The attribute `channels` of the layer `MAPS` is the slice of feature maps it returns, which bounds the memory of a run.
    """
    import keras
    import tensorflow as tf

    size, units = classifier.card.size, len(classifier.card.classes) if target is None else 2

    def scores(images: Any) -> tuple[Any, Any]:
        images = scale_tensor(classifier.card, images) if pixels else images
        if layer is None:
            maps, outputs = tf.zeros((tf.shape(images)[0], 1, 1, 1)), classifier.logits(images)
        else:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                maps, outputs, _ = open_engine("tensorflow", classifier, layer).above(images, tape)
        logits = classifier.class_logits(outputs)
        if target is not None:
            logits = tf.stack([tf.zeros_like(logits[:, target]), logits[:, target]], axis=-1)
        return tf.cast(maps, tf.float32), logits

    run = tf.function(scores, input_signature=[tf.TensorSpec((None, *size, 3), tf.float32)])
    shape = (layer.height, layer.width, layer.channels) if layer else (1, 1, 1)

    class Whole(keras.layers.Layer):
        def call(self, images: Any) -> Any:
            return run(images)

        def compute_output_spec(self, images: Any) -> Any:
            return keras.KerasTensor((None, *shape)), keras.KerasTensor((None, units))

    class Maps(keras.layers.Layer):
        channels = slice(None)

        def call(self, maps: Any) -> Any:
            return maps[..., self.channels]

        def compute_output_spec(self, maps: Any) -> Any:
            return keras.KerasTensor((None, *shape))

    class Scores(keras.layers.Layer):
        def call(self, maps: Any, logits: Any) -> Any:
            return logits

        def compute_output_spec(self, maps: Any, logits: Any) -> Any:
            return keras.KerasTensor((None, units))

    class StandIn(keras.Model):
        def predict(self, pictures: Any, **_: Any) -> Any:
            """As Keras does, without its progress bar."""
            import numpy as np

            [images] = pictures  # it passes a list of inputs
            return np.concatenate([run(images[i : i + 32])[1].numpy() for i in range(0, len(images), 32)])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = keras.Input((*size, 3), name="pictures")
        maps, logits = Whole(name="whole", dtype="float32")(inputs)
        maps = Maps(name=MAPS, dtype="float32")(maps)
        return StandIn(inputs, Scores(name="scores", dtype="float32")(maps, logits))
