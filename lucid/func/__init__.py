"""Function transforms: functions in, their derivatives out. They nest."""

from __future__ import annotations

from lucid.func._batches import replace_all_batch_norm_modules_, stack_module_state, vmap
from lucid.func._derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, value_and_grad, vjp
from lucid.nn.utils.stateless import functional_call

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "replace_all_batch_norm_modules_", "stack_module_state", "value_and_grad", "vjp", "vmap",
]  # fmt: skip
