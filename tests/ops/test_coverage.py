"""Every public function has a record, or a reason not to."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from ops.record import families

import lucid
import lucid.nn.functional as F
from lucid import Tensor
from lucid._functions._gate import Gate
from lucid._later import Later
from lucid._surface import algebra, creation, householder, numbers, questions, refused, state, windows

RANDOM = "random: its distribution and its reproducibility are tested in test_random.py, tests/distributions"
SWITCH = "not an operation: a switch or a question about the library's state"
DTYPES = "not an operation: dtypes are tested in tests/test_promotion.py"
OBJECT = "the Tensor object itself: tests/test_tensor.py"
COMPLEX = "values and gradients of complex tensors: tests/test_complex.py"
AUTOGRAD = "the graph, not values: tests/autograd"
SECOND = "a second name of PyTorch's, or a line over functions with records: tests/test_second_names.py"
WRITES = "overwrites memory: tests/autograd/test_inplace.py and tests/test_tensor.py"

EXEMPT: dict[str, dict[str, str]] = {
    "lucid": {
        **dict.fromkeys(["bernoulli", "binomial", "multinomial", "poisson", "normal", "rand", "rand_like", "randint", "randn", "randn_like", "randint_like", "randperm"], RANDOM),
        **dict.fromkeys(["get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"], RANDOM),
        **dict.fromkeys(["are_deterministic_algorithms_enabled", "use_deterministic_algorithms", "get_num_threads", "memory_stats", "num_threads", "release_memory", "set_flush_denormal", "set_num_threads", "set_printoptions", "show_config"], SWITCH),
        **dict.fromkeys(["autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache", "get_autocast_cpu_dtype", "get_autocast_dtype", "is_autocast_cache_enabled", "is_autocast_cpu_enabled", "is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_cpu_dtype", "set_autocast_cpu_enabled", "set_autocast_dtype", "set_autocast_enabled"], SWITCH),
        **dict.fromkeys(["grad_enabled", "is_grad_enabled", "is_inference_mode_enabled"], SWITCH),
        **dict.fromkeys(["get_default_dtype", "promote_types", "result_type", "set_default_dtype"], DTYPES),
        **dict.fromkeys(["as_tensor", "detach", "from_dlpack", "from_numpy", "is_floating_point", "is_tensor", "numel", "tensor"], OBJECT),
        **dict.fromkeys(["empty", "empty_like"], "the values are whatever the memory held; shapes and dtypes: tests/test_tensor.py"),
        **dict.fromkeys(["angle", "complex", "conj", "conj_physical", "imag", "polar", "real", "resolve_conj", "resolve_neg", "sgn", "view_as_complex", "view_as_real"], COMPLEX),
        **dict.fromkeys(["istft", "stft"], "tests/test_fft.py"),
        **dict.fromkeys(["load", "save"], "files: the tests of serialization"),
        **dict.fromkeys(["compile", "compile_step", "load_compiled"], "whole models: tests/compiler"),
        **dict.fromkeys(["count_flops", "summary"], "whole models: tests/look"),
        **dict.fromkeys(refused.__all__, "refused: tests/test_second_names.py"),
        **dict.fromkeys([*questions.__all__, *state.__all__, "cond", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_anomaly_enabled", "while_loop"], SWITCH),
        **dict.fromkeys(["alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout", "native_dropout"], RANDOM),
        **dict.fromkeys(["empty_permuted", "empty_strided"], "the values are whatever the memory held; shapes and dtypes: tests/test_second_names.py"),
        **dict.fromkeys([*set(creation.__all__) - {"empty_permuted", "empty_strided"}, *windows.__all__, *(set(algebra.__all__) - {"pinverse"}), *householder.__all__, *numbers.__all__, "lobpcg", "concatenate", "alias_copy", "detach_copy", "slice_copy"], SECOND),
        **dict.fromkeys(["batch_norm", "constant_pad_nd", "convolution", "embedding", "group_norm", "instance_norm", "layer_norm", "norm_except_dim", "rms_norm", "threshold"], SECOND),
        **dict.fromkeys(["detach_", "fill_", "histogram2d", "resize_as_", "vmap", "zero_"], "tests/test_second_names.py"),
    },
    "lucid.nn.functional": {
        **dict.fromkeys(["drop_block", "drop_path"], RANDOM),
        **dict.fromkeys(["sinusoidal_pos_embedding"], "no operand: tests/nn/test_original_layers.py"),
        **dict.fromkeys(["linear_cross_entropy"], "two functions with records, one after the other: tests/nn/test_lazy.py"),
    },
    "lucid.Tensor": {
        **dict.fromkeys(["normal_", "uniform_", "bernoulli_", "exponential_", "geometric_", "log_normal_", "cauchy_", "random_"], RANDOM),
        **dict.fromkeys(["angle", "cdouble", "cfloat", "conj", "conj_physical", "conj_physical_", "resolve_conj", "resolve_neg", "sgn", "sgn_"], COMPLEX),
        **dict.fromkeys(["backward", "detach", "detach_", "register_hook", "requires_grad_", "retain_grad"], AUTOGRAD),
        **dict.fromkeys(["copy_", "fill_", "zero_"], WRITES),
        **dict.fromkeys(["apply_", "map2_", "map_", "renorm_", "resize_", "resize_as_", "set_"], "changes the tensor itself: tests/test_second_names.py"),
        **dict.fromkeys([n for names in refused.METHODS.values() for n in names.split()], "refused: tests/test_second_names.py"),
        **dict.fromkeys(["as_strided_scatter", "as_subclass", "bernoulli", "char", "cholesky", "const_data_ptr", "dim_order", "frexp", "geqrf", "get_device", "is_complex", "is_conj", "is_distributed", "is_inference", "is_neg", "is_nonzero", "is_pinned", "is_same_size", "is_set_to", "is_shared", "is_signed", "lu", "lu_solve", "module_load", "multinomial", "ndimension", "new", "new_empty_strided", "nonzero_static", "orgqr", "ormqr", "pin_memory", "qr", "reinforce", "renorm", "share_memory_", "short", "storage", "svd", "to_dense", "triangular_solve", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "untyped_storage", "where"], SECOND),
        **dict.fromkeys(["register_post_accumulate_grad_hook"], AUTOGRAD),
        **dict.fromkeys(["bfloat16", "bool", "byte", "cpu", "cuda", "double", "float", "half", "int", "long", "to", "type", "type_as"], "conversion: tests/test_tensor.py"),
        **dict.fromkeys(["data_ptr", "dim", "element_size", "is_contiguous", "is_floating_point", "item", "nelement", "numel", "numpy", "size", "storage_offset", "stride", "tolist"], OBJECT),
        **dict.fromkeys(["new_empty"], "the values are whatever the memory held; shapes and dtypes: tests/test_tensor.py"),
    },
}  # fmt: skip


def functions(owner: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Public functions, without the classes and submodules beside them."""
    for attribute in dir(owner):
        value = inspect.getattr_static(owner, attribute) if isinstance(owner, type) else getattr(owner, attribute)
        if isinstance(value, Later):
            value = value.load()
        if attribute.startswith("_") or not callable(value) or isinstance(value, (type, ModuleType)):
            continue
        yield attribute, value


def _own(function: Any) -> Any:
    """The function behind a gate."""
    return function.__wrapped__ if isinstance(function, Gate) else function


COVERED = {id(_own(function)) for record in families() for function in record.covers}
PUBLIC = [(owner, name, function) for owner, module in (("lucid", lucid), ("lucid.nn.functional", F), ("lucid.Tensor", Tensor))
          for name, function in functions(module, owner)]  # fmt: skip


def is_covered(function: Any) -> bool:
    """By a record of the function, of an alias, or of the function that an in-place method wraps."""
    while function is not None:
        if id(_own(function)) in COVERED:
            return True
        function = getattr(function, "__wrapped__", None)
    return False


@pytest.mark.parametrize("owner,name,function", PUBLIC, ids=[f"{owner}.{name}" for owner, name, _ in PUBLIC])
def test_has_a_record_or_a_reason(owner: str, name: str, function: Any) -> None:
    if name in EXEMPT[owner]:
        assert EXEMPT[owner][name]
        assert not is_covered(function), f"{owner}.{name} has a record now: take it out of EXEMPT"
    else:
        assert is_covered(function), f"{owner}.{name} has neither a record in tests/ops nor an entry in EXEMPT"


@pytest.mark.parametrize("owner", EXEMPT)
def test_exemptions_name_existing_functions(owner: str) -> None:
    existing = {name for o, name, _ in PUBLIC if o == owner}
    assert set(EXEMPT[owner]) <= existing


def test_operators_are_functions_with_a_record() -> None:
    names = "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul neg abs invert and rand or ror xor rxor lt le gt ge getitem"
    for name in names.split():
        assert is_covered(getattr(Tensor, f"__{name}__")), name
    for name in ["iadd", "isub", "imul", "itruediv", "ipow"]:
        assert getattr(Tensor, f"__{name}__") is getattr(Tensor, {"itruediv": "div"}.get(name, name[1:]) + "_")


def test_every_public_function_is_documented() -> None:
    missing = [f"{owner}.{name}" for owner, name, function in PUBLIC if not (function.__doc__ or "").strip()]
    assert not missing
