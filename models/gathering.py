"""Writes what `models/allowlist.py` reads: `python -m models.gathering` after an update of Keras.

For every allowed class, from the installed Keras 3 and tf-keras: the modules it is known by, its registered names, and the settings its
constructor takes. Operations of SavedModels are those that Keras Applications need when both packages export them, and more of their kind.
"""

import ast
import importlib
import inspect
import json
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

from models.allowlist import FILE, Allowed
from models.network import import_tensorflow

# layers that neither hold code nor refer to files
_LAYERS = """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization
    Bidirectional CategoryEncoding CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose
    Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose
    Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GaussianDropout
    GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D
    GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention Identity InputLayer LSTM LayerNormalization LeakyReLU LocallyConnected1D
    LocallyConnected2D Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RandAugment
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing
    RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization
    RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom ReLU RepeatVector
    Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D
    SeparableConvolution2D Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization Subtract
    ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
""".split()
_OF_APPLICATIONS = {"inception_resnet_v2": ("CustomScaleLayer",), "convnext": ("LayerScale", "StochasticDepth")}
_OPERATION_MODULES = "numpy nn math linalg image core".split()
_TAKE_FUNCTIONS = frozenset("Map Scan AssociativeScan WhileLoop ForiLoop Cond Switch VectorizedMap CustomGradient JVP Operation".split())
_ACTIVATIONS = """
    relu softmax sigmoid tanh elu selu swish silu gelu linear relu6 hard_sigmoid hard_silu hard_swish leaky_relu softplus softsign
    exponential mish celu glu hard_tanh hard_shrink soft_shrink squareplus tanh_shrink threshold log_softmax log_sigmoid
    sparse_plus sparsemax sparse_sigmoid
""".split()
# functions of TensorFlow that compute tensors from tensors for image networks; each by its name, so that a new version adds none
_TENSORS = """
    cast concat reshape transpose squeeze expand_dims identity stack split tile pad clip_by_value reverse ones_like zeros_like
    shape strided_slice stop_gradient broadcast_to
""".split()
_MATH = """
    abs add add_n acos acosh argmax argmin asin asinh atan atan2 atanh ceil cos cosh count_nonzero cumprod cumsum divide
    divide_no_nan equal erf erfc exp expm1 floor floordiv floormod greater greater_equal is_finite is_inf is_nan l2_normalize less
    less_equal log log1p log_sigmoid log_softmax logical_and logical_not logical_or logical_xor maximum minimum mod multiply
    multiply_no_nan negative not_equal pow reciprocal reciprocal_no_nan reduce_all reduce_any reduce_euclidean_norm
    reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std reduce_sum reduce_variance rint round rsqrt
    scalar_mul sigmoid sign sin sinh softmax softplus softsign sqrt square squared_difference subtract tan tanh top_k truediv
    xdivy xlogy zero_fraction
""".split()
_NN = """
    atrous_conv2d avg_pool avg_pool1d avg_pool2d avg_pool3d batch_normalization bias_add conv1d conv2d conv2d_transpose conv3d
    convolution crelu depth_to_space depthwise_conv2d dropout elu gelu l2_loss l2_normalize leaky_relu local_response_normalization
    log_softmax lrn max_pool max_pool1d max_pool2d max_pool3d moments relu relu6 selu separable_conv2d sigmoid silu softmax
    softplus softsign space_to_batch space_to_depth swish tanh top_k weighted_moments zero_fraction
""".split()
_OTHER_TENSOR_FUNCTIONS = """
    __operators__.getitem __operators__.add image.resize image.central_crop image.per_image_standardization
    image.rgb_to_grayscale image.grayscale_to_rgb linalg.matmul linalg.l2_normalize
""".split()
# settings that constructors take from classes above them and no file needs: functions, tensors, types
_NEVER = frozenset("cell conv_op input_tensor pool_function type_spec".split())
_ENTIRE_LAYER = """
    name trainable dtype autocast dynamic batch_input_shape batch_shape input_shape input_dim input_length batch_size sparse
    ragged input_dtype optional activity_regularizer
""".split()
_NETWORK = "name trainable dtype layers input_layers output_layers build_input_shape".split()
# in the exports of Keras Applications (Keras 3 and tf-keras)
_EXPORTED = """
    AddV2 AssignVariableOp AvgPool BiasAdd ConcatV2 Const Conv2D DepthwiseConv2dNative FusedBatchNormV3 GreaterEqual Identity
    IdentityN MatMul MaxPool Maximum Mean Mul NoOp Pack Pad PartitionedCall RandomUniform ReadVariableOp RealDiv Relu Relu6
    Reshape Rsqrt SelectV2 Shape Sigmoid Softmax Sqrt Square Squeeze StatefulPartitionedCall StridedSlice Sub Sum Placeholder
    VarHandleOp VarIsInitializedOp DisableCopyOnRead Select
""".split()
# arithmetic of their kind: no loops, strings, files, tables or data sets
_OF_THEIR_KIND = """
    Abs Add AddN AdjustContrastv2 All Any ArgMax ArgMin Assert AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND
    BroadcastArgs BroadcastTo Cast Ceil ClipByValue Conv2DBackpropInput Conv3D Cos CropAndResize Cumsum DepthToSpace Div DivNoNan
    Einsum Elu Equal Erf Erfc Exp ExpandDims Expm1 Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 Gather GatherNd
    GatherV2 Greater HSVToRGB If ImageProjectiveTransformV3 Inv L2Loss LRN LeakyRelu Less LessEqual Log Log1p LogSoftmax
    LogicalAnd LogicalNot LogicalOr Max MaxPool3D MaxPoolV2 Min Minimum MirrorPad Neg NotEqual OnesLike PadV2
    PlaceholderWithDefault Pow PreventGradient Prod RGBToHSV Range Rank Reciprocal ResizeBicubic ResizeBilinear
    ResizeNearestNeighbor ResourceGather ReverseV2 Rint Roll Round Selu ShapeN Sign Sin Size Slice Softplus Tan EnsureShape
    RngReadAndSkip Bitcast StatelessRandomUniformIntV2 StatelessRandomUniformFullIntV2 RandomStandardNormal AssignSubVariableOp
    AssignAddVariableOp RandomUniformInt Atan Sinh Cosh Asin Acos LogicalXor Softsign SpaceToBatchND SpaceToDepth Split SplitV
    SquaredDifference StatelessIf StatelessRandomGetKeyCounter StatelessRandomNormalV2 StatelessRandomUniformV2 StopGradient Tanh
    Tile TopKV2 Transpose Unpack Where ZerosLike
""".split()
# settings of older Keras versions that today's constructors only take among others
_OLDER = {"LeakyReLU": "alpha negative_slope", "SlicingOpLambda": "function", "TFOpLambda": "function"}


def gather() -> list[Allowed]:
    """One entry for every kind and name, in their order."""
    import_tensorflow()
    import keras
    import tf_keras

    found: dict[tuple[str, str], Allowed] = {}

    def note(kind: str, name: str, cls: Any, modules: set[str], more: set[str]) -> None:
        registered = {name, f"Custom>{name}", _registered(cls)} if inspect.isclass(cls) else {name}
        old = found.get((kind, name), Allowed(name, kind, (), (), ()))
        found[kind, name] = Allowed(
            name,
            kind,
            tuple(sorted({*old.modules, *modules, *_written_as(cls)})),
            tuple(sorted({*old.registered, *registered})),
            tuple(sorted({*old.settings, *_parameters(cls), *_written(cls), *more, *_OLDER.get(name, "").split()} - _NEVER)),
        )

    for package in (keras, tf_keras):
        own = package.__name__
        for kind, room in (("initializer", "initializers"), ("regularizer", "regularizers"), ("constraint", "constraints")):
            for name, cls in vars(getattr(package, room)).items():
                callable_class = inspect.isclass(cls) or (package is tf_keras and callable(cls) and name in ("l1_l2", "l1", "l2"))
                if callable_class and name[0] != "_" and name not in ("Initializer", "Regularizer", "Constraint"):
                    note(kind, name, cls, {f"keras.{room}", f"{own}.{room}"}, set())
        for name in _LAYERS:
            if cls := getattr(package.layers, name, None):
                note("layer", name, cls, {"keras.layers", f"{own}.layers"}, set(_ENTIRE_LAYER))
        for module, names in _OF_APPLICATIONS.items():
            holder = importlib.import_module(f"{own}.src.applications.{module}")
            for name in names:
                if cls := getattr(holder, name, None):
                    note("layer", name, cls, set(), set(_ENTIRE_LAYER))
        for name in ("Sequential", "Functional", "Model"):
            cls = _functional(own) if name == "Functional" else getattr(package, name)
            note("network", name, cls, {"keras", "keras.models", own, f"{own}.models"}, set(_NETWORK))
    from tf_keras.src.layers.core import tf_op_layer

    for name in ("TFOpLambda", "SlicingOpLambda"):
        note("layer", name, getattr(tf_op_layer, name), {"keras.layers"}, set(_ENTIRE_LAYER))
    for name in ("DTypePolicy", "FloatDTypePolicy"):
        note("policy", name, getattr(keras.dtype_policies, name), {"keras", "keras.dtype_policies"}, set())
    for name in ("Policy", "PolicyV1"):
        holder = importlib.import_module("tf_keras.src.mixed_precision.policy")
        note("policy", name, getattr(holder, name, holder.Policy), {"keras.mixed_precision", "tf_keras.mixed_precision"}, {"loss_scale"})
    for module in _OPERATION_MODULES:
        for name, cls in _operations(f"keras.src.ops.{module}"):
            note("operation", name, cls, {"keras.ops", f"keras.ops.{module}"}, {"name", "dtype"})
    return [found[key] for key in sorted(found)]


def tensor_functions() -> dict[str, Any]:
    """The listed functions of TensorFlow that the installed version has, by the names under which Keras 2 keeps them as layers."""
    import_tensorflow()
    import tf_keras  # noqa: F401  # adds its own names
    from tensorflow.python.util.tf_export import get_symbol_from_name  # what tf-keras looks them up with

    rooms = (("", _TENSORS), ("math.", _MATH), ("nn.", _NN))
    names = [f"{version}{room}{name}" for version in ("", "compat.v1.") for room, listed in rooms for name in listed]
    names += [*_OTHER_TENSOR_FUNCTIONS, *(f"keras.activations.{name}" for name in _ACTIVATIONS)]
    return {name: found for name in sorted(names) if (found := get_symbol_from_name(name)) is not None}


def _functional(package: str) -> Any:
    return importlib.import_module("keras.src.models.functional" if package == "keras" else "tf_keras.src.engine.functional").Functional


def _operations(module: str) -> Iterator[tuple[str, Any]]:
    from keras.src.ops.operation import Operation

    for name, cls in vars(importlib.import_module(module)).items():
        if inspect.isclass(cls) and issubclass(cls, Operation) and cls.__module__ == module and name not in _TAKE_FUNCTIONS:
            yield name, cls


def _written_as(cls: Any) -> set[str]:
    """The modules that this and earlier versions write for it: `keras.src.layers…`, `keras.layers…`, `tf_keras.src.layers…`."""
    full: str = cls.__module__
    if not full.startswith(("keras.", "tf_keras.")):
        return set()
    found = {full}
    if full.startswith("tf_keras.src."):
        found |= {full.removeprefix("tf_"), full.replace("tf_keras.src.", "keras.")}
    return found


def _registered(cls: Any) -> str:
    package = importlib.import_module(cls.__module__.split(".")[0]) if cls.__module__.startswith(("keras", "tf_keras")) else None
    return str(package.saving.get_registered_name(cls)) if package else cls.__name__


def _parameters(cls: Any) -> set[str]:
    """What its constructor and those of the classes above it take."""
    classes = [c for c in cls.__mro__ if "__init__" in c.__dict__ and c is not object] if inspect.isclass(cls) else []
    makers = [c.__dict__["__init__"] for c in classes] or [cls]
    names: set[str] = set()
    for maker in makers:
        taken = inspect.signature(maker).parameters.values()
        names |= {p.name for p in taken if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names - {"self", "args", "kwargs"}


def _written(cls: Any) -> set[str]:
    """The keys that its `get_config` and those of the classes above it write, by their source."""
    makers = [c.__dict__["get_config"] for c in getattr(cls, "__mro__", ()) if inspect.isfunction(c.__dict__.get("get_config"))]
    names: set[str] = set()
    for maker in makers:
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(maker)))):
            keys = node.keys if isinstance(node, ast.Dict) else [node.slice] if isinstance(node, ast.Subscript) else []
            names |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
                names |= {word.arg for word in node.keywords if word.arg}
    return names - {"class_name", "config", "module", "registered_name"}


def gathered() -> str:
    """The text of the list."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes, functions = gather(), tensor_functions()
    rows = ",\n".join(json.dumps([c.name, c.kind, c.modules, c.registered, c.settings]) for c in classes)
    names = {"activations": sorted(_ACTIVATIONS), "functions": list(functions), "operations": sorted({*_EXPORTED, *_OF_THEIR_KIND})}
    text = ",\n".join([f'"classes": [\n{rows}\n]', *(f'"{part}": {json.dumps(value)}' for part, value in names.items())])
    return "{\n" + text + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(gathered(), encoding="utf-8")
