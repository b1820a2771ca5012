"""What a network's configuration may refer to. Anything else is refused before TensorFlow sees the file.

A configuration can name any class or function of any module, and Keras would import and call it;
so the list says what is allowed, not what is forbidden. It consists of the built-in layers of Keras 2
and 3 that take images or features, without those that contain code (Lambda) or refer to other files
(TFSMLayer) or other frameworks.
"""

import re

LAYERS = frozenset(
    """
CustomScaleLayer LayerScale StochasticDepth
Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D
AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization Bidirectional
CategoryEncoding CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D
Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D
Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D
Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D
DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten
Functional GRU GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D
GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
GroupNormalization GroupQueryAttention Identity InputLayer LSTM LayerNormalization LeakyReLU
LocallyConnected1D LocallyConnected2D Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D
MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp Model
MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RandAugment
RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop
RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight
RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation
RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling
Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
SeparableConvolution1D SeparableConvolution2D Sequential SlicingOpLambda Softmax Solarization
SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization Subtract TFOpLambda
ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D
ZeroPadding1D ZeroPadding2D ZeroPadding3D
""".split()
)

PARTS = frozenset(
    """
AutoCastPolicy Constant DTypePolicy DTypePolicyMap FloatDTypePolicy GlorotNormal GlorotUniform
HeNormal HeUniform Identity IdentityInitializer L1 L1L2 L2 LecunNormal LecunUniform
LossScaleOptimizer MaxNorm MinMaxNorm NonNeg Ones Orthogonal OrthogonalInitializer
OrthogonalRegularizer Policy PolicyV1 RadialConstraint RandomNormal RandomUniform STFT
STFTInitializer TruncatedNormal UnitNorm VarianceScaling Zeros constant glorot_normal
glorot_uniform he_normal he_uniform identity l1 l1_l2 l2 lecun_normal lecun_uniform max_norm
min_max_norm non_neg ones orthogonal orthogonal_regularizer radial_constraint random_normal
random_uniform stft truncated_normal unit_norm variance_scaling zeros
""".split()
)

# Keras stores values that JSON has no type for under these names
VALUES = frozenset({"__tensor__", "__keras_tensor__", "__numpy__", "__tuple__", "__ellipsis__", "TensorShape"})

# functions of TensorFlow that Keras 2 stores as layers when a model computes with tensors
TF_FUNCTIONS = re.compile(
    r"(__operators__\.(getitem|add|sub|mul|truediv|neg|pow)|math\.\w+|nn\.\w+|keras\.activations\.\w+|"
    r"image\.(resize|central_crop|per_image_standardization|rgb_to_grayscale|grayscale_to_rgb)|"
    r"(compat\.v1\.)?(cast|concat|reshape|transpose|squeeze|expand_dims|identity|stack|split|tile|pad|clip_by_value|reverse|"
    r"ones_like|zeros_like|shape|strided_slice|stop_gradient|broadcast_to)|reshape|linalg\.(matmul|l2_normalize)|"
    r"(compat\.v1\.)?(nn|math)\.\w+)"
)

OPERATION_MODULE = re.compile(r"keras(\.src)?\.ops(\.\w+)*")
