# Optimiser steps from running averages of the gradient and its size: Adamax, NAdam, RAdam. The driver is in optim.pxi.

cdef step_all(str name, list lists, list scalars, void* k32, void* k64):
    """Check the arrays of ``lists``, and run a kernel over all parameters with ``scalars[k]`` for parameter k."""
    cdef Updates u
    cdef Py_ssize_t k
    memory = plan_updates(name, lists, &u)
    if len(scalars) != u.count:
        raise ValueError(f"{name}: {u.count} parameters, but numbers of steps for {len(scalars)}")
    for k in range(u.count):
        row = scalars[k]
        for i in range(len(row)):
            u.parameters[k].p[i] = row[i]
    u.k32, u.k64 = k32, k64
    with nogil:
        run_updates(&u)


# Adamax: m += (1 - beta1) * (g - m); u = max(beta2 * u, |g| + eps); w -= step * m / u

cdef void adamax_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* average = a[2]
    cdef floating* largest = a[3]
    cdef floating step = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2]
    cdef floating weight1 = <floating> p[3], beta2 = <floating> p[4], eps = <floating> p[5], g, m, old, new
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        m = lerp_(average[i], g, weight1)
        average[i] = m
        old = largest[i] * beta2
        new = (-g if g < 0 else g) + eps
        new = new if (new > old) | (new != new) else old
        largest[i] = new
        w[i] = w[i] - step * m / new


def adamax_step(params, grads, exp_avgs, exp_infs, steps, double lr, double beta1, double beta2, double eps,
                double weight_decay, bint maximize):
    """One step of Adamax.

    Args:
        steps: the number of this step for every parameter, from 1.
    """
    scalars = [[lr / (1 - beta1 ** s), weight_decay, -1 if maximize else 1, 1 - beta1, beta2, eps] for s in steps]
    step_all("adamax_step", [list(params), list(grads), list(exp_avgs), list(exp_infs)], scalars,
             <void*> adamax_kernel[float], <void*> adamax_kernel[double])


# NAdam: the averages of Adam; w -= (now * g + next * m) / (sqrt(v / bias) + eps)

cdef void nadam_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* average = a[2]
    cdef floating* squares = a[3]
    cdef floating now = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], keep = <floating> p[3]
    cdef floating weight1 = <floating> p[4], beta2 = <floating> p[5], weight2 = <floating> p[6]
    cdef floating bias = <floating> p[7], eps = <floating> p[8], next = <floating> p[9], g, m, v, x
    cdef Py_ssize_t i
    for i in range(n):
        x = w[i] * keep
        g = sign * grad[i]
        g = g + decay * x if decay != 0 else g
        m = lerp_(average[i], g, weight1)
        v = squares[i] * beta2 + weight2 * g * g
        average[i] = m
        squares[i] = v
        v = root(v / bias, eps)
        w[i] = (x - now * g / v) - next * m / v


def nadam_step(params, grads, exp_avgs, exp_avg_sqs, steps, nows, nexts, double lr, double beta1, double beta2,
               double eps, double weight_decay, bint decoupled, bint maximize):
    """One step of NAdam.

    Args:
        steps: the number of this step for every parameter, from 1.
        nows, nexts: the weights of the gradient and of its average, for every parameter.
    """
    scalars = [[now, 0 if decoupled else weight_decay, -1 if maximize else 1, 1 - lr * weight_decay if decoupled else 1,
                1 - beta1, beta2, 1 - beta2, 1 - beta2 ** s, eps, next_] for s, now, next_ in zip(steps, nows, nexts)]
    step_all("nadam_step", [list(params), list(grads), list(exp_avgs), list(exp_avg_sqs)], scalars,
             <void*> nadam_kernel[float], <void*> nadam_kernel[double])


# RAdam: the averages of Adam; w -= step * m / (sqrt(v) + eps) once the variance of v is finite, step * m before

cdef void radam_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* average = a[2]
    cdef floating* squares = a[3]
    cdef floating step = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], keep = <floating> p[3]
    cdef floating weight1 = <floating> p[4], beta2 = <floating> p[5], weight2 = <floating> p[6]
    cdef floating eps = <floating> p[7], g, m, v, x
    cdef bint rectified = p[8] != 0
    cdef Py_ssize_t i
    for i in range(n):
        x = w[i] * keep
        g = sign * grad[i]
        g = g + decay * x if decay != 0 else g
        m = lerp_(average[i], g, weight1)
        v = squares[i] * beta2 + weight2 * g * g
        average[i] = m
        squares[i] = v
        v = root(v, eps) if rectified else <floating> 1
        w[i] = x - step * m / v


def radam_step(params, grads, exp_avgs, exp_avg_sqs, steps, double lr, double beta1, double beta2, double eps,
               double weight_decay, bint decoupled, bint maximize):
    """One step of RAdam.

    Args:
        steps: the number of this step for every parameter, from 1.
    """
    cdef double limit = 2 / (1 - beta2) - 1, s, bias, length, step
    cdef bint rectified
    scalars = []
    for s in steps:
        bias = 1 - beta2 ** s
        length = limit - 2 * s * beta2 ** s / bias
        step = lr / (1 - beta1 ** s)
        rectified = length > 5
        if rectified:
            step *= cmath.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length) * bias)
        scalars.append([step, 0 if decoupled else weight_decay, -1 if maximize else 1,
                        1 - lr * weight_decay if decoupled else 1, 1 - beta1, beta2, 1 - beta2, eps, rectified])
    step_all("radam_step", [list(params), list(grads), list(exp_avgs), list(exp_avg_sqs)], scalars,
             <void*> radam_kernel[float], <void*> radam_kernel[double])
