# Optimiser steps from sums and signs of gradients: Adagrad, Adadelta, Rprop, averaged SGD. The driver is in optim.pxi.

# Adagrad: s += g * g; w -= lr * g / (sqrt(s) + eps)

cdef void adagrad_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* sums = a[2]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], eps = <floating> p[3], g, s
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        s = sums[i] + g * g
        sums[i] = s
        w[i] = w[i] - lr * g / root(s, eps)


def adagrad_step(params, grads, sums, steps, double lr, double lr_decay, double eps, double weight_decay,
                 bint maximize):
    """One step of Adagrad.

    Args:
        steps: the number of this step for every parameter, from 1.
    """
    scalars = [[lr / (1 + (s - 1) * lr_decay), weight_decay, -1 if maximize else 1, eps] for s in steps]
    step_all("adagrad_step", [list(params), list(grads), list(sums)], scalars,
             <void*> adagrad_kernel[float], <void*> adagrad_kernel[double])


# Adadelta: s = rho * s + (1 - rho) * g * g; d = sqrt((t + eps) / (s + eps)) * g; t = rho * t + (1 - rho) * d * d;
# w -= lr * d

cdef void adadelta_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* squares = a[2]
    cdef floating* deltas = a[3]
    cdef floating lr = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], rho = <floating> p[3]
    cdef floating weight = <floating> p[4], eps = <floating> p[5], g, s, t, d
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        s = squares[i] * rho + weight * g * g
        squares[i] = s
        t = deltas[i]
        d = root(t + eps, <floating> 0) / root(s + eps, <floating> 0) * g
        deltas[i] = t * rho + weight * d * d
        w[i] = w[i] - lr * d


def adadelta_step(params, grads, square_avgs, acc_deltas, double lr, double rho, double eps, double weight_decay,
                  bint maximize):
    """One step of Adadelta."""
    params = list(params)
    scalars = [[lr, weight_decay, -1 if maximize else 1, rho, 1 - rho, eps]] * len(params)
    step_all("adadelta_step", [params, list(grads), list(square_avgs), list(acc_deltas)], scalars,
             <void*> adadelta_kernel[float], <void*> adadelta_kernel[double])


# Rprop: size *= up where the gradient keeps its sign, down (and no step) where it changes; w -= size * sign(g)

cdef void rprop_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* previous = a[2]
    cdef floating* sizes = a[3]
    cdef floating sign = <floating> p[0], down = <floating> p[1], up = <floating> p[2]
    cdef floating low = <floating> p[3], high = <floating> p[4], g, turn, s
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        turn = g * previous[i]
        s = sizes[i] * (up if turn > 0 else (down if turn < 0 else (<floating> 1 if turn == 0 else turn)))
        s = low if s < low else s
        s = high if s > high else s
        g = <floating> 0 if turn < 0 else g
        sizes[i] = s
        previous[i] = g
        w[i] = w[i] - s * (<floating> 1 if g > 0 else (<floating> -1 if g < 0 else g))


def rprop_step(params, grads, prevs, step_sizes, double down, double up, double smallest, double largest,
               bint maximize):
    """One step of resilient backpropagation: steps shrink by ``down`` or grow by ``up``, between two sizes."""
    params = list(params)
    scalars = [[-1 if maximize else 1, down, up, smallest, largest]] * len(params)
    step_all("rprop_step", [params, list(grads), list(prevs), list(step_sizes)], scalars,
             <void*> rprop_kernel[float], <void*> rprop_kernel[double])


# Averaged SGD: w = (1 - lambd * eta) * w - eta * g; ax += mu * (w - ax)

cdef void asgd_kernel(floating** a, Py_ssize_t n, const double* p) noexcept nogil:
    cdef floating* w = a[0]
    cdef const floating* grad = a[1]
    cdef floating* average = a[2]
    cdef floating eta = <floating> p[0], decay = <floating> p[1], sign = <floating> p[2], keep = <floating> p[3]
    cdef floating mu = <floating> p[4], g, x
    cdef Py_ssize_t i
    for i in range(n):
        g = sign * grad[i]
        g = g + decay * w[i] if decay != 0 else g
        x = w[i] * keep - eta * g
        w[i] = x
        average[i] = average[i] + (x - average[i]) * mu if mu != 1 else x


def asgd_step(params, grads, axs, etas, mus, double lambd, double weight_decay, bint maximize):
    """One step of averaged stochastic gradient descent with a learning rate and a weight for every parameter."""
    scalars = [[eta, weight_decay, -1 if maximize else 1, 1 - lambd * eta, mu] for eta, mu in zip(etas, mus)]
    step_all("asgd_step", [list(params), list(grads), list(axs)], scalars,
             <void*> asgd_kernel[float], <void*> asgd_kernel[double])
