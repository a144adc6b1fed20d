"""Names of PyTorch's top level that are a line or two over functions of lucid; `lucid` imports them when first used."""

from __future__ import annotations

from lucid._surface.refused import FUNCTIONS

ALIASES = (
    "adaptive_avg_pool1d adaptive_max_pool1d affine_grid=affine_grid_generator avg_pool1d bilinear "
    "binary_cross_entropy_with_logits celu celu_ channel_shuffle conv1d conv2d conv3d conv_transpose1d "
    "conv_transpose2d conv_transpose3d cosine_embedding_loss cosine_similarity ctc_loss embedding_bag hardshrink "
    "hinge_embedding_loss kl_div margin_ranking_loss max_pool1d max_pool1d_with_indices max_pool2d max_pool3d "
    "pairwise_distance pdist pixel_shuffle pixel_unshuffle poisson_nll_loss prelu rrelu rrelu_ selu selu_ "
    "threshold_ triplet_margin_loss"
)
"""Functions of `lucid.nn.functional` that PyTorch also has at its top level, with the same arguments."""

LATER = {
    "lucid._functions.incomplete": "igamma igammac",
    "lucid.autograd.anomaly": "is_anomaly_check_nan_enabled is_anomaly_enabled set_anomaly_enabled",
    "lucid.nn.functional": ALIASES,
    "lucid._surface.algebra": (
        "chain_matmul cholesky frobenius_norm lu lu_solve lu_unpack nuclear_norm pca_lowrank pinverse qr svd "
        "svd_lowrank triangular_solve"
    ),
    "lucid._surface.copies": (
        "alias_copy as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy select_copy "
        "slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy "
        "unsqueeze_copy view_copy"
    ),
    "lucid._surface.creation": (
        "asarray empty_permuted empty_strided fill from_file frombuffer nonzero_static range scalar_tensor"
    ),
    "lucid._surface.householder": "geqrf orgqr ormqr",
    "lucid._surface.inplace": (
        "abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ "
        "atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_ exp2_ exp_ "
        "expm1_ fill_ fix_ floor_ frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ "
        "nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ relu_ resize_as_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ "
        "sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_"
    ),
    "lucid._surface.layers": (
        "alpha_dropout batch_norm constant_pad_nd convolution dropout embedding feature_alpha_dropout feature_dropout "
        "group_norm instance_norm layer_norm norm_except_dim pad rms_norm threshold"
    ),
    "lucid._surface.numbers": (
        "as_strided_scatter cond frexp gradient renorm unsafe_chunk unsafe_split unsafe_split_with_sizes while_loop"
    ),
    "lucid._surface.native": (
        "native_batch_norm native_channel_shuffle native_dropout native_group_norm native_layer_norm"
    ),
    "lucid._surface.pairs": "lobpcg",
    "lucid._surface.questions": (
        "can_cast get_device is_complex is_conj is_distributed is_inference is_neg is_nonzero is_same_size is_signed "
        "is_storage typename"
    ),
    "lucid._surface.recurrent": "gru gru_cell lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell",
    "lucid._surface.refused": " ".join(FUNCTIONS.values()),
    "lucid._surface.windows": "bartlett_window blackman_window hamming_window hann_window kaiser_window",
    "lucid._surface.state": (
        "compiled_with_cxx11_abi cudnn_is_acceptable get_default_device get_deterministic_debug_mode "
        "get_float32_matmul_precision get_num_interop_threads init_num_threads "
        "is_deterministic_algorithms_warn_only_enabled is_vulkan_available is_warn_always_enabled set_default_device "
        "set_default_tensor_type set_deterministic_debug_mode set_float32_matmul_precision set_num_interop_threads "
        "set_warn_always"
    ),
}
"""Module: names of the top level that it provides, as `lucid._later.later` takes them."""
