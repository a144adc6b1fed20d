"""What PyTorch has for tensors that lucid does not: sparse and quantised ones, and those of other devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SPARSE = "lucid has no sparse tensors; to_dense() them before"
QUANTISED = "lucid has no quantised tensors"
DEVICE = "lucid runs on CPUs and has its own kernels for them"

FUNCTIONS = {
    SPARSE: (
        "ccol_indices_copy col_indices_copy crow_indices_copy dsmm hsmm hspmm indices_copy resize_as_sparse_ "
        "row_indices_copy saddmm smm sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor "
        "sparse_csc_tensor sparse_csr_tensor spmm sspaddmm values_copy"
    ),
    QUANTISED: (
        "choose_qparams_optimized dequantize empty_quantized fake_quantize_per_channel_affine "
        "fake_quantize_per_tensor_affine fused_moving_avg_obs_fake_quant int_repr q_per_channel_axis "
        "q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point quantize_per_channel quantize_per_tensor "
        "quantize_per_tensor_dynamic quantized_batch_norm quantized_gru quantized_gru_cell quantized_lstm "
        "quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d quantized_rnn_relu_cell "
        "quantized_rnn_tanh_cell"
    ),
    DEVICE: (
        "cudnn_affine_grid_generator cudnn_batch_norm cudnn_convolution cudnn_convolution_add_relu "
        "cudnn_convolution_relu cudnn_convolution_transpose cudnn_grid_sampler miopen_batch_norm miopen_convolution "
        "miopen_convolution_add_relu miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss "
        "miopen_depthwise_convolution miopen_rnn mkldnn_adaptive_avg_pool2d mkldnn_convolution "
        "mkldnn_linear_backward_weights mkldnn_max_pool2d mkldnn_max_pool3d mkldnn_rnn_layer"
    ),
}
METHODS = {
    SPARSE: (
        "ccol_indices coalesce col_indices crow_indices dense_dim indices is_coalesced resize_as_sparse_ row_indices "
        "smm sparse_dim sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm to_sparse to_sparse_bsc "
        "to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr values"
    ),
    QUANTISED: (
        "dequantize int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point "
        "qscheme"
    ),
    DEVICE: "ipu mtia to_mkldnn xpu record_stream",
}


def _refusal(name: str, why: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{name}: {why}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"""Refused with a NotImplementedError: {why}.

    Args:
        args, kwargs: not looked at.

    Raises:
        NotImplementedError: always.

    Example:
        >>> from lucid._surface.refused import refusals
        >>> refusals["{name}"]()
        Traceback (most recent call last):
            ...
        NotImplementedError: {name}: {why}
    """
    return refuse


__all__ = [name for names in FUNCTIONS.values() for name in names.split()]
refusals = {
    name: _refusal(name, why)
    for table in (FUNCTIONS, METHODS) for why, names in table.items() for name in names.split()
}  # fmt: skip
globals().update(refusals)
