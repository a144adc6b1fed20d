"""Every differentiable operation: one `Node` class beside one function, by family.

The families carry the same names as the kernel files below them (``lucid/_kernels``).
"""
