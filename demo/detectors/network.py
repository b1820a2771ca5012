"""The network of the marker detectors, a small encoder–decoder of half a million weights, and its export to ONNX."""

from typing import Any

import numpy as np

from data_audit.markers.detector import LEARNED, SIDE

WIDTHS = (16, 32, 64, 96, 128)  # feature maps at a half, a quarter … of the side
UP = (16, 32, 48, 64)
GAIN = 8  # of the mask logits, so that one learning rate suits them and all other weights
POOLED = (2, 4)  # encoder levels pooled for the image scores: a fine one for hair and bubbles, and the last
N = len(LEARNED)


def build_network(seed: int) -> Any:
    """Input float32 (N, SIDE, SIDE, 3) RGB 0–255; outputs scores as logits (N, 7) and masks as logits (N, SIDE/2, SIDE/2, 4·7),
    four per marker for each cell of 2 × 2 pixels (depth to space, row by row)."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(seed)

    def convolve(x: Any, name: str, filters: int, stride: int = 1) -> Any:
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, name=name)(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
        return layers.ReLU(name=f"{name}_out")(x)

    picture = keras.Input((SIDE, SIDE, 3), name="picture")
    x = layers.Rescaling(1 / 64, offset=-2, name="scale")(picture)
    levels = []
    for k, width in enumerate(WIDTHS):
        x = convolve(convolve(x, f"down{k}a", width, 2), f"down{k}b", width)
        levels.append(x)
    for k in reversed(range(len(UP))):
        above = layers.UpSampling2D(name=f"up{k}")(layers.Conv2D(UP[k], 1, name=f"from_below{k}")(x))
        beside = layers.Conv2D(UP[k], 1, name=f"across{k}")(levels[k])
        x = convolve(layers.ReLU(name=f"join{k}_out")(layers.Add(name=f"join{k}")([above, beside])), f"mend{k}", UP[k])
    rare = keras.initializers.Constant(-4 / GAIN)
    masks = layers.Rescaling(GAIN, name="gain")(layers.Conv2D(4 * N, 1, bias_initializer=rare, name="masks")(x))
    pooled = [
        pool(name=f"{kind}{k}")(levels[k])
        for k in POOLED
        for kind, pool in (("mean", layers.GlobalAveragePooling2D), ("max", layers.GlobalMaxPooling2D))
    ]
    scores = layers.Dense(N, name="scores")(layers.Dropout(0.3)(layers.Concatenate(name="seen")(pooled)))
    return keras.Model(picture, [scores, masks], name="markers")


def to_onnx(network: Any) -> bytes:
    """The network as ONNX, batch-norm folded into the convolutions; input `picture` float32 (1, 3, SIDE, SIDE)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, weights = [], []

    def weight(name: str, values: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(values.astype(np.float32)), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def convolution(name: str, x: str, stride: int = 1, gain: float = 1) -> str:
        layer = network.get_layer(name)
        kernel = layer.kernel.numpy().transpose(3, 2, 0, 1)
        if layer.use_bias:
            bias = layer.bias.numpy()
        else:
            norm = network.get_layer(f"{name}_norm")
            gamma, beta, mean, variance = (v.numpy() for v in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance))
            factor = gamma / np.sqrt(variance + norm.epsilon)
            kernel, bias = kernel * factor[:, None, None, None], beta - mean * factor
        kernel, bias, side = kernel * gain, bias * gain, kernel.shape[-1]
        before = 0 if stride == 2 else (side - 1) // 2  # with stride 2, Keras pads an image of even size at the right and bottom only
        pads = [before, before, (side - 1) // 2, (side - 1) // 2]
        inputs = [x, weight(f"{name}.w", kernel), weight(f"{name}.b", bias)]
        return node("Conv", inputs, name, kernel_shape=[side, side], strides=[stride, stride], pads=pads)

    def convolve(name: str, x: str, stride: int = 1) -> str:
        return node("Relu", [convolution(name, x, stride)], f"{name}_out")

    x = node("Mul", ["picture", weight("scale.factor", np.array([1 / 64]))], "scaled")
    x = node("Add", [x, weight("scale.offset", np.array([-2.0]))], "centred")
    levels = []
    for k in range(len(WIDTHS)):
        x = convolve(f"down{k}b", convolve(f"down{k}a", x, 2))
        levels.append(x)
    twice = weight("twice", np.array([1, 1, 2, 2]))
    for k in reversed(range(len(UP))):
        above = node(
            "Resize",
            [convolution(f"from_below{k}", x), "", twice],
            f"up{k}",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        joined = node("Add", [above, convolution(f"across{k}", levels[k])], f"join{k}")
        x = convolve(f"mend{k}", node("Relu", [joined], f"join{k}_out"))
    convolution("masks", x, gain=GAIN)
    pooled = [node(f"Global{kind}Pool", [levels[k]], f"{kind}{k}") for k in POOLED for kind in ("Average", "Max")]
    flat = node("Flatten", [node("Concat", pooled, "seen", axis=1)], "flat", axis=1)
    last = network.get_layer("scores")
    dense = [flat, weight("scores.w", last.kernel.numpy()), weight("scores.b", last.bias.numpy())]
    node("Sigmoid", [node("Gemm", dense, "score_logits")], "scores")
    graph = helper.make_graph(
        nodes,
        "markers",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, N]),
            helper.make_tensor_value_info("masks", TensorProto.FLOAT, [1, 4 * N, SIDE // 2, SIDE // 2]),
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="LesionLens")
    checker.check_model(model)
    return bytes(model.SerializeToString())
