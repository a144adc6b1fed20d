# What is done to results on their way out of a step: activations and other functions of one number, by name.

TAKING = ("hardtanh", "leaky_relu", "elu", "softplus", "fill_nan")      # those with parameters of their own


cdef void fill_nan_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    """p[0] in the place of NaN."""
    cdef Py_ssize_t i
    cdef float other = <float> p[0]
    for i in range(n):
        y[i] = x[i] if x[i] == x[i] else other


cdef Map1 function_of(str name) except *:
    """The eager kernel of a function without parameters that is no activation, or NULL."""
    if name == "neg":
        return <Map1> neg_kernel[float]
    if name == "abs":
        return <Map1> abs_kernel[float]
    if name == "sign":
        return <Map1> sign_kernel[float]
    if name == "reciprocal":
        return <Map1> reciprocal_kernel[float]
    if name == "sqrt":
        return <Map1> sqrt_kernel[float]
    if name == "rsqrt":
        return <Map1> rsqrt_kernel[float]
    if name == "square":
        return <Map1> square_kernel[float]
    if name == "cube":
        return <Map1> cube_kernel[float]
    if name == "pow_half":
        return <Map1> pow_half_kernel[float]
    if name == "exp":
        return <Map1> exp_kernel[float]
    if name == "expm1":
        return <Map1> expm1_kernel[float]
    if name == "log":
        return <Map1> log_kernel[float]
    if name == "log1p":
        return <Map1> log1p_kernel[float]
    if name == "erf":
        return <Map1> erf_kernel[float]
    if name == "floor":
        return <Map1> floor_kernel[float]
    if name == "ceil":
        return <Map1> ceil_kernel[float]
    if name == "round":
        return <Map1> round_kernel[float]
    if name == "trunc":
        return <Map1> trunc_kernel[float]
    if name == "softsign":
        return <Map1> softsign_kernel[float]
    if name == "logsigmoid":
        return <Map1> logsigmoid_kernel[float]
    if name == "sin":
        return <Map1> sin_kernel
    if name == "cos":
        return <Map1> cos_kernel
    if name == "tan":
        return <Map1> tan_kernel
    return NULL


cdef int set_finish(str name, Finish* f, str activation, tuple parameters, bint first) except -1:
    """The epilogue for the name of an activation; its bits are those of the eager function, but for silu and sigmoid."""
    cdef Py_ssize_t i
    cdef tuple known = {
        "none": (), "relu": (), "relu6": (), "hardtanh": (-1.0, 1.0), "silu": (), "mish": (), "gelu": (), "gelu_tanh": (),
        "sigmoid": (), "tanh": (), "leaky_relu": (0.01,), "hardswish": (), "hardsigmoid": (), "elu": (1.0, 1.0, 1.0),
        "selu": (SELU_LOW, SELU_HIGH, 1.0), "softplus": (1.0, 20.0), "fill_nan": (0.0,),
    }.get(activation)
    cdef Map1 function = function_of(activation)
    if known is None and function != NULL:
        known = ()
    if known is None:
        raise ValueError(f"Plan.{name}: unknown activation {activation!r}")
    if len(parameters) > len(known) or (parameters and activation not in TAKING):
        raise ValueError(f"Plan.{name}: activation {activation!r} takes no parameters {parameters}")
    known = parameters + known[len(parameters):]
    memset(f, 0, sizeof(Finish))
    f.first = first
    for i in range(len(known)):
        f.p[i] = known[i]
    f.kernel = function
    if activation == "relu":
        f.limits = 1
    elif activation in ("relu6", "hardtanh"):
        f.limits, f.low, f.high = 3, known[0] if known else 0.0, known[1] if known else 6.0
    elif BLOCK_SIGMOID and activation in ("silu", "sigmoid"):
        f.limits = 16 if activation == "silu" else 32
    elif activation == "silu":
        f.kernel = <Map1> silu_kernel[float]
    elif activation == "mish":
        f.kernel = <Map1> mish_kernel[float]
    elif activation == "gelu":
        f.kernel = <Map1> gelu_kernel[float]
    elif activation == "gelu_tanh":
        f.kernel = <Map1> gelu_tanh_kernel[float]
    elif activation == "sigmoid":
        f.kernel = <Map1> sigmoid_kernel[float]
    elif activation == "tanh":
        f.kernel = <Map1> tanh_kernel[float]
    elif activation == "leaky_relu":
        f.kernel = <Map1> leaky_relu_kernel[float]
    elif activation == "hardswish":
        f.limits = 4
    elif activation == "hardsigmoid":
        f.limits = 8
    elif activation in ("elu", "selu"):
        f.kernel = <Map1> elu_kernel[float]
    elif activation == "softplus":
        f.kernel = <Map1> softplus_kernel[float]
    elif activation == "fill_nan":
        f.kernel = <Map1> fill_nan_kernel
    return 0
