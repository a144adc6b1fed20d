# Optimiser steps: one call updates all parameters in place, threads sharing the elements of all of them.

cdef enum:
    MAX_STATES = 5              # arrays per parameter: itself, its gradient and up to three of state
    UPDATE_BLOCK = 4096         # elements; a multiple of LANES, so that blocks share the vector code
    UPDATE_GRAIN = 65536        # elements: from cold caches a thread takes 60 us for as many, and as long to be woken

# a is the parameter, its gradient, then its state; p the scalars of that parameter. n is a multiple of LANES.
ctypedef void (*Update)(void** a, Py_ssize_t n, const double* p) noexcept nogil

cdef struct Parameter:
    char* a[MAX_STATES]
    Py_ssize_t size             # bytes per element
    Py_ssize_t n
    Py_ssize_t first            # its first block among those of all parameters
    double p[10]

cdef struct Updates:
    Parameter* parameters
    Py_ssize_t count
    Py_ssize_t blocks
    int arrays
    void* k32
    void* k64


cdef void update_block(const Updates* u, const Parameter* w, Py_ssize_t lo) noexcept nogil:
    """UPDATE_BLOCK elements from ``lo``; the end of the array goes through the same vector code, padded."""
    cdef char staged[MAX_STATES][8 * LANES]
    cdef void* a[MAX_STATES]
    cdef Py_ssize_t hi = min(lo + UPDATE_BLOCK, w.n), n = (hi - lo) // LANES * LANES
    cdef Update kernel = <Update> (u.k32 if w.size == 4 else u.k64)
    cdef int i
    for i in range(u.arrays):
        a[i] = w.a[i] + lo * w.size
    if n:
        kernel(a, n, w.p)
    lo += n
    if lo == hi:
        return
    for i in range(u.arrays):
        memset(staged[i], 0, LANES * w.size)
        memcpy(staged[i], w.a[i] + lo * w.size, (hi - lo) * w.size)
        a[i] = staged[i]
    kernel(a, LANES, w.p)
    for i in range(u.arrays):
        if i != 1:
            memcpy(w.a[i] + lo * w.size, staged[i], (hi - lo) * w.size)


cdef void update_range(const Updates* u, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t k = 0, block
    for block in range(lo, hi):
        while k + 1 < u.count and u.parameters[k + 1].first <= block:
            k += 1
        update_block(u, &u.parameters[k], (block - u.parameters[k].first) * UPDATE_BLOCK)


cdef void run_updates(const Updates* u) noexcept nogil:
    cdef Py_ssize_t k
    cdef double work = 0
    cdef int t, threads
    for k in range(u.count):
        work += u.parameters[k].n
    threads = <int> min(u.blocks, threads_for(work, UPDATE_GRAIN))
    if threads <= 1:
        update_range(u, 0, u.blocks)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        update_range(u, u.blocks * t // threads, u.blocks * (t + 1) // threads)


cdef cnp.ndarray plan_updates(str name, list lists, Updates* u):
    """Check every array of ``lists`` (parameters, gradients, states ...); returns the memory of ``u.parameters``.

    Gradients are made contiguous, in their list; everything else must be contiguous and writable.
    """
    cdef cnp.ndarray x, w, memory
    cdef Parameter* parameter
    cdef Py_ssize_t k, count = len(lists[0])
    cdef int i
    for i in range(1, len(lists)):
        if len(lists[i]) != count:
            raise ValueError(f"{name}: {count} parameters, but list {i} of gradients and state has {len(lists[i])}")
    memory = np.empty(count * sizeof(Parameter), np.uint8)
    u.parameters = <Parameter*> cnp.PyArray_DATA(memory)
    u.count, u.blocks, u.arrays = count, 0, len(lists)
    for k in range(count):
        w = lists[0][k]
        float_type(w)
        parameter = &u.parameters[k]
        for i in range(u.arrays):
            x = lists[i][k]
            if not cnp.PyArray_SAMESHAPE(x, w) or cnp.PyArray_TYPE(x) != cnp.PyArray_TYPE(w):
                what = ("parameter", "gradient", "state", "state", "state")[i]
                raise ValueError(
                    f"{name}: parameter {k} is {w.dtype} {np.shape(w)}, its {what} {x.dtype} {np.shape(x)}")
            if i == 1:
                x = contiguous(x)
                lists[i][k] = x
            elif not cnp.PyArray_ISCARRAY(x):
                raise ValueError(f"{name}: parameter {k} or its state is not contiguous and writable")
            parameter.a[i] = <char*> cnp.PyArray_DATA(x)
        parameter.n, parameter.size = cnp.PyArray_SIZE(w), cnp.PyArray_ITEMSIZE(w)
        parameter.first = u.blocks
        u.blocks += (parameter.n + UPDATE_BLOCK - 1) // UPDATE_BLOCK
    return memory


# SGD: g += weight_decay * w; m = momentum * m + (1 - dampening) * g, or g at first; w -= lr * (g + momentum * m, or m)

cdef void sgd_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], g
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        w[i] = w[i] - lr * g


cdef void sgd_momentum_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* momenta = a[2]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], g, m
    cdef floating momentum = <floating> p[3], undamped = <floating> p[4]
    cdef bint nesterov = p[5] != 0, first = p[6] != 0
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        m = g if first else momentum * momenta[i] + undamped * g
        momenta[i] = m
        w[i] = w[i] - lr * (g + momentum * m if nesterov else m)


def sgd_step(params, grads, momenta, double lr, double momentum, double dampening, double weight_decay, bint nesterov,
             bint maximize, first):
    """One step of stochastic gradient descent; ``momenta`` is None without momentum.

    Args:
        first: whether this is the first step, in which the momenta are only written; a bool, or one per parameter.
    """
    cdef Updates u
    cdef Py_ssize_t k
    lists = [list(params), list(grads)] + ([] if momenta is None else [list(momenta)])
    memory = plan_updates("sgd_step", lists, &u)
    firsts = [bool(first)] * u.count if isinstance(first, (bool, int)) else list(first)
    if len(firsts) != u.count:
        raise ValueError(f"sgd_step: {u.count} parameters, but first has {len(firsts)}")
    for k in range(u.count):
        u.parameters[k].p = [lr, weight_decay, -1 if maximize else 1, momentum, 1 - dampening, nesterov, firsts[k],
                             0, 0, 0]
    if momenta is None:
        u.k32, u.k64 = <void*> sgd_kernel[float], <void*> sgd_kernel[double]
    else:
        u.k32, u.k64 = <void*> sgd_momentum_kernel[float], <void*> sgd_momentum_kernel[double]
    with nogil:
        run_updates(&u)


cdef inline floating lerp_(floating x, floating y, floating weight) noexcept nogil:
    """x + weight * (y - x), from the nearer end."""
    return x + weight * (y - x) if weight < <floating> 0.5 else y - (y - x) * (<floating> 1 - weight)


# Adam: m += (1 - beta1) * (g - m); v = beta2 * v + (1 - beta2) * g * g; w -= step * m / (sqrt(v) / bias + eps)

cdef void adam_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* average = a[2]
    cdef floating* squares = a[3]
    cdef floating step = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], keep = <floating> p[3]
    cdef floating weight1 = <floating> p[4], beta2 = <floating> p[5], weight2 = <floating> p[6], bias = <floating> p[7]
    cdef floating eps = <floating> p[8], g, m, v, x
    cdef Py_ssize_t i
    for i in range(n):
        x = w[i] * keep
        g = sign * grad[i]
        g = g + decay * x if decay != 0 else g
        m = lerp_(average[i], g, weight1)
        v = squares[i] * beta2 + weight2 * g * g
        average[i] = m
        squares[i] = v
        v = cmath.sqrtf(v) if floating is float else cmath.sqrt(v)
        w[i] = x - step * m / (v / bias + eps)


cdef void amsgrad_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    """Adam with the largest v so far in place of v."""
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* average = a[2]
    cdef floating* squares = a[3]
    cdef floating* largest = a[4]
    cdef floating step = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], keep = <floating> p[3]
    cdef floating weight1 = <floating> p[4], beta2 = <floating> p[5], weight2 = <floating> p[6], bias = <floating> p[7]
    cdef floating eps = <floating> p[8], g, m, v, x
    cdef Py_ssize_t i
    for i in range(n):
        x = w[i] * keep
        g = sign * grad[i]
        g = g + decay * x if decay != 0 else g
        m = lerp_(average[i], g, weight1)
        v = squares[i] * beta2 + weight2 * g * g
        average[i] = m
        squares[i] = v
        v = largest[i] if (largest[i] > v) | (largest[i] != largest[i]) else v
        largest[i] = v
        v = cmath.sqrtf(v) if floating is float else cmath.sqrt(v)
        w[i] = x - step * m / (v / bias + eps)


def adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, double lr, double beta1, double beta2,
              double eps, double weight_decay, bint decoupled, bint maximize):
    """One step of Adam, AdamW (``decoupled``) or, unless ``max_exp_avg_sqs`` is None, AMSGrad.

    Args:
        steps: the number of this step for every parameter, from 1.
    """
    cdef Updates u
    cdef Py_ssize_t k
    cdef double step
    lists = [list(params), list(grads), list(exp_avgs), list(exp_avg_sqs)]
    if max_exp_avg_sqs is not None:
        lists.append(list(max_exp_avg_sqs))
    memory = plan_updates("adam_step", lists, &u)
    numbers = [float(s) for s in steps]
    if len(numbers) != u.count or any([s < 1 for s in numbers]):
        raise ValueError(f"adam_step: expected {u.count} step numbers from 1, got {steps}")
    for k in range(u.count):
        step = numbers[k]
        u.parameters[k].p = [lr / (1 - beta1 ** step), 0 if decoupled else weight_decay, -1 if maximize else 1,
                             1 - lr * weight_decay if decoupled else 1, 1 - beta1, beta2, 1 - beta2,
                             cmath.sqrt(1 - beta2 ** step), eps, 0]
    if max_exp_avg_sqs is None:
        u.k32, u.k64 = <void*> adam_kernel[float], <void*> adam_kernel[double]
    else:
        u.k32, u.k64 = <void*> amsgrad_kernel[float], <void*> amsgrad_kernel[double]
    with nogil:
        run_updates(&u)


# RMSprop: s = alpha * s + (1 - alpha) * g * g; w -= lr * g / (sqrt(s) + eps), with s - average(g)**2 if centered

cdef inline floating root(floating s, floating eps) noexcept nogil:
    return (cmath.sqrtf(s) if floating is float else cmath.sqrt(s)) + eps


cdef void rmsprop_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* squares = a[2]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], alpha = <floating> p[3]
    cdef floating weight = <floating> p[4], eps = <floating> p[5]
    cdef floating g, s
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        s = squares[i] * alpha + weight * g * g
        squares[i] = s
        w[i] = w[i] - lr * g / root(s, eps)


cdef void rmsprop_momentum_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* squares = a[2]
    cdef floating* momenta = a[3]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], alpha = <floating> p[3]
    cdef floating weight = <floating> p[4], eps = <floating> p[5], momentum = <floating> p[6]
    cdef floating g, s, m
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        s = squares[i] * alpha + weight * g * g
        squares[i] = s
        m = momentum * momenta[i] + g / root(s, eps)
        momenta[i] = m
        w[i] = w[i] - lr * m


cdef void rmsprop_centered_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* squares = a[2]
    cdef floating* average = a[3]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], alpha = <floating> p[3]
    cdef floating weight = <floating> p[4], eps = <floating> p[5]
    cdef floating g, s, d
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        s = squares[i] * alpha + weight * g * g
        squares[i] = s
        d = lerp_(average[i], g, weight)
        average[i] = d
        w[i] = w[i] - lr * g / root(s - d * d, eps)


cdef void rmsprop_centered_momentum_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* squares = a[2]
    cdef floating* average = a[3]
    cdef floating* momenta = a[4]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], alpha = <floating> p[3]
    cdef floating weight = <floating> p[4], eps = <floating> p[5], momentum = <floating> p[6]
    cdef floating g, s, d, m
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        s = squares[i] * alpha + weight * g * g
        squares[i] = s
        d = lerp_(average[i], g, weight)
        average[i] = d
        m = momentum * momenta[i] + g / root(s - d * d, eps)
        momenta[i] = m
        w[i] = w[i] - lr * m


def rmsprop_step(params, grads, square_avgs, grad_avgs, momenta, double lr, double alpha, double eps,
                 double weight_decay, double momentum, bint centered, bint maximize):
    """One step of RMSprop; ``grad_avgs`` is None unless ``centered``, ``momenta`` None without momentum."""
    cdef Updates u
    cdef Py_ssize_t k
    lists = [list(params), list(grads), list(square_avgs)]
    if centered:
        lists.append(list(grad_avgs))
    if momentum != 0:
        lists.append(list(momenta))
    memory = plan_updates("rmsprop_step", lists, &u)
    for k in range(u.count):
        u.parameters[k].p = [lr, weight_decay, -1 if maximize else 1, alpha, 1 - alpha, eps, momentum, 0, 0, 0]
    if centered and momentum != 0:
        u.k32 = <void*> rmsprop_centered_momentum_kernel[float]
        u.k64 = <void*> rmsprop_centered_momentum_kernel[double]
    elif centered:
        u.k32, u.k64 = <void*> rmsprop_centered_kernel[float], <void*> rmsprop_centered_kernel[double]
    elif momentum != 0:
        u.k32, u.k64 = <void*> rmsprop_momentum_kernel[float], <void*> rmsprop_momentum_kernel[double]
    else:
        u.k32, u.k64 = <void*> rmsprop_kernel[float], <void*> rmsprop_kernel[double]
    with nogil:
        run_updates(&u)


# Gradient clipping

cdef void scale_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* x = a[0]
    cdef floating factor = <floating> p[0]
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = x[i] * factor


def scale_(arrays, double factor):
    """Multiply every array by ``factor``, in place."""
    cdef Updates u
    cdef Py_ssize_t k
    memory = plan_updates("scale_", [list(arrays)], &u)
    for k in range(u.count):
        u.parameters[k].p[0] = factor
    u.k32, u.k64 = <void*> scale_kernel[float], <void*> scale_kernel[double]
    with nogil:
        run_updates(&u)


def grad_norm(grads) -> float:
    """sqrt of the sum of the squares of all elements, accumulated in double in a fixed order."""
    cdef double total = 0
    cdef Axes a
    for g in grads:
        float_type(g)
        plan_axes(g, None, False, &a)
        if a.count:
            total += reduce_axes(contiguous(g), &a, SQUARES).item()
    return cmath.sqrt(total)
