"""Every difference from PyTorch 2.13 that its own samples show, each with its reason."""

from __future__ import annotations

RANDOM = {
    **dict.fromkeys(
        "bernoulli cauchy exponential geometric log_normal multinomial normal rand rand_like randint randint_like randn "
        "randn_like uniform".split(),
        "the same seed gives other numbers",
    ),
    **dict.fromkeys(
        "nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d "
        "nn.functional.feature_alpha_dropout nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d "
        "nn.functional.multi_head_attention_forward nn.functional.rrelu nn.functional.scaled_dot_product_attention "
        "pca_lowrank svd_lowrank".split(),
        "draws random numbers inside",
    ),
    **dict.fromkeys(
        "empty empty_like empty_permuted empty_strided new_empty new_empty_strided resize_ resize_as_".split(),
        "memory that nobody has written",
    ),
}
"""Of these, shapes, dtypes and which results require grad are compared."""

FREE = {
    **dict.fromkeys(
        "geqrf linalg.eig linalg.eigh linalg.qr linalg.svd ormqr qr svd".split(),
        "vectors are determined up to a sign or phase",
    ),
}
"""Of these, |y|^2 is compared."""

CANCELLING = {
    "cdist": "with use_mm, x^2 + y^2 - 2xy of close points: errors of eps x^2 / d in both, by chance smaller in one",
}
"""Of these, errors may be ten times PyTorch's, not four times."""

ABSENT = {
    **dict.fromkeys(
        "masked.amax masked.amin masked.argmax masked.argmin masked.cumprod masked.cumsum masked.log_softmax "
        "masked.logaddexp masked.logsumexp masked.mean masked.median masked.norm masked.normalize masked.prod "
        "masked.softmax masked.softmin masked.std masked.sum masked.var".split(),
        "torch.masked, a prototype, is not in this version",
    ),
    **dict.fromkeys(
        "grid_sampler_2d grid_sampler_3d max_pool2d_with_indices_backward native_dropout_backward slice".split(),
        "inner functions of PyTorch, which it does not document",
    ),
    **dict.fromkeys("sparse.mm sparse.sampled_addmm".split(), "there are no sparse tensors"),
    "chalf": "there is no complex32",
    "hash_tensor": "not in this version",
}
"""Names of PyTorch's tests that lucid does not have."""

FIRST = "of equal elements, lucid gives the first; PyTorch leaves open which"
NUMBER = "a number is taken where PyTorch asks for a tensor"
OUT = "out may be of any dtype that the result can be cast to, in every function"
EMPTY = "an empty input has an empty result, also without channels"
BASIS = "gradients of vectors that only complete a basis, which PyTorch leaves out silently, are refused"
SPARSE = "there are no sparse tensors, and no sparse gradients"

_DIFFERENCES = [
    # names, kind, pattern of "call -> what differs", reason
    ("kthvalue median nanmedian mode topk sort", "value", r"^(int64|bool).*-> \[1\] value", FIRST),
    ("argsort", "value", r"^bool", FIRST),
    (
        "atan2 copysign eq float_power fmax fmin fmod gcd ge gt igamma igammac lcm ldexp le logical_and logical_or "
        "logical_xor lt max.binary maximum min.binary minimum ne rsub",
        "accepted", r"(must be Tensor, not int|received an invalid combination of arguments - got \(int)", NUMBER,
    ),
    ("max.binary min.binary", "error", r"^2, 3 -> IndexError for TypeError", NUMBER + ": 3 is then a dimension"),
    ("cat", "accepted", r"^float32\(2, 3\), out=float64", "the rows of a tensor are a sequence of tensors"),
    ("aminmax complex gather multinomial", "accepted", r"out=.*(out tensor to have dtype|argument 'out'|Long)", OUT),
    ("multinomial", "accepted", r"^float64\(16777217,\)", "there may be any number of categories"),
    ("arange", "accepted", r"^0, 64, 0.5, out=int64", "integers from a broken step are counted as with dtype=int64"),
    ("narrow", "accepted", r"bool\(\), 3 -> RuntimeError: start must be", "a bool is an integer, as in Python"),
    ("narrow_copy", "error", r"IndexError for RuntimeError", "the type that narrow has, in PyTorch too"),
    ("nn.functional.max_pool1d", "accepted", r"^float32\(0, 10\)", EMPTY),
    ("nn.functional.max_pool3d", "accepted", r"^float32\(0, 1, 2, 10\)", EMPTY),
    ("nn.functional.batch_norm", "refused", r"^float32\(0,\)", "without a dimension of channels, even if empty"),
    ("nn.functional.batch_norm", "gradient refused", r"^float32\(0,\)", "the same call"),
    (
        "nn.functional.local_response_norm", "refused", r"^int64",
        "PyTorch cuts the mean of squares to an integer: y of (0, 1) is 1 for k = alpha = beta = 1, not 2/3",
    ),
    (
        "nn.functional.multi_margin_loss", "error", r"weight=float32\(.*-> KindError",
        "of two faults, the target's dtype and the weight's shape, the other one is named",
    ),
    (
        "as_strided_scatter", "gradient", r"storage_offset=[01] -> \[0\]",
        "PyTorch's gradient is wrong: ones at the elements that were overwritten, zeros at those that were kept",
    ),
    ("nextafter", "requires_grad", r"\[False\] for \[True\]", "has no derivative; PyTorch says so in backward only"),
    ("svd", "value", r"some=False -> \[2\]", "rows that only complete a basis are arbitrary"),
    ("svd", "gradient refused", r"some=False", BASIS),
    ("linalg.svd", "gradient refused", r"full_matrices=True", BASIS),
    ("to_sparse", "refused", r"NotImplementedError: to_sparse", SPARSE),
    ("to_sparse", "gradient refused", r"NotImplementedError: to_sparse", SPARSE),
    ("nn.functional.embedding_bag", "refused", r"sparse=True", SPARSE),
    ("logcumsumexp", "value", r"^complex64", "the imaginary part is determined up to 2 pi"),
]  # fmt: skip

DIFFERENCES = [(name, *rest) for names, *rest in _DIFFERENCES for name in names.split()]
"""Name, kind, pattern and reason. One that no sample shows any more fails the test, as does a difference without one."""
