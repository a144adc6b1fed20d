"""The methods of `Tensor` that are functions of the families: one line each, and their in-place forms."""

from __future__ import annotations

from typing import Any

from lucid import _ops
from lucid._functions import (
    activation,
    aliases,
    binary,
    broadcast,
    compare,
    division,
    draws,
    exponential,
    extremum,
    index,
    join,
    like,
    order,
    pointwise,
    reduce,
    sampling,
    shape,
    ternary,
    triangle,
)
from lucid._functions import gather as along
from lucid._functions import matmul as products
from lucid._functions import repeat as repeats
from lucid._functions import softmax as softmaxes
from lucid._functions import trigonometric as trig
from lucid._functions._common import inplace
from lucid._functions._precision import guarded_methods
from lucid._later import LaterModule
from lucid._surface.refused import METHODS as REFUSED

# imported when one of their methods is first used
arrange: Any = LaterModule("lucid._functions.arrange")
complexes: Any = LaterModule("lucid._functions.complex")
diagonals: Any = LaterModule("lucid._functions.diagonal")
distance: Any = LaterModule("lucid._functions.distance")
einsum: Any = LaterModule("lucid._functions.einsum")
elementwise: Any = LaterModule("lucid._functions.elementwise")
histograms: Any = LaterModule("lucid._functions.histogram")
integers: Any = LaterModule("lucid._functions.integers")
incomplete: Any = LaterModule("lucid._functions.incomplete")
linalg: Any = LaterModule("lucid._functions.linalg")
pairwise: Any = LaterModule("lucid._functions.pairwise")
combined: Any = LaterModule("lucid._functions.scatter_reduce")
search: Any = LaterModule("lucid._functions.search")
sections: Any = LaterModule("lucid._functions.sections")
quantiles: Any = LaterModule("lucid._functions.quantile")
places: Any = LaterModule("lucid._functions.scatter")
scan: Any = LaterModule("lucid._functions.scan")
factors: Any = LaterModule("lucid._functions.cholesky")
solve: Any = LaterModule("lucid._functions.solve")
special: Any = LaterModule("lucid._functions.special")
statistics: Any = LaterModule("lucid._functions.statistics")
strided: Any = LaterModule("lucid._functions.strided")
algebra: Any = LaterModule("lucid._surface.algebra")
householder: Any = LaterModule("lucid._surface.householder")
copies: Any = LaterModule("lucid._surface.copies")
filters: Any = LaterModule("lucid.nn.functional")
made: Any = LaterModule("lucid._surface.creation")
methods: Any = LaterModule("lucid._surface.methods")
numbers: Any = LaterModule("lucid._surface.numbers")
questions: Any = LaterModule("lucid._surface.questions")
memory: Any = LaterModule("lucid._surface.storage")


class Methods:
    """Mixed into `Tensor`. A function becomes a method by being named here."""

    # pointwise
    add, sub, mul, div, pow = binary.add, binary.sub, binary.mul, division.div, binary.pow
    multiply, subtract, divide, true_divide = binary.mul, binary.sub, division.div, division.div
    floor_divide, remainder = division.floor_divide, division.remainder
    maximum, minimum, atan2 = binary.maximum, binary.minimum, binary.atan2
    neg, negative, abs, absolute, sign = pointwise.neg, pointwise.neg, pointwise.abs, pointwise.abs, pointwise.sign
    reciprocal, sqrt, rsqrt, square = pointwise.reciprocal, pointwise.sqrt, pointwise.rsqrt, pointwise.square
    exp, exp2, expm1 = exponential.exp, exponential.exp2, exponential.expm1
    log, log2, log10, log1p = exponential.log, exponential.log2, exponential.log10, exponential.log1p
    sin, cos, tan, asin, acos, atan = (
        trig.sin, trig.cos, trig.tan, trig.asin, trig.acos, trig.atan,
    )  # fmt: skip
    sinh, cosh, asinh, acosh, atanh = trig.sinh, trig.cosh, trig.asinh, trig.acosh, trig.atanh
    erf, erfc = exponential.erf, exponential.erfc
    floor, ceil, round, trunc = pointwise.floor, pointwise.ceil, pointwise.round, pointwise.trunc
    clamp, clip, lerp = ternary.clamp, ternary.clamp, ternary.lerp
    addcmul, addcdiv, cube = ternary.addcmul, ternary.addcdiv, binary.cube
    eq, ne, lt, le, gt, ge = compare.eq, compare.ne, compare.lt, compare.le, compare.gt, compare.ge
    logical_and, logical_or, logical_xor, logical_not = (
        compare.logical_and, compare.logical_or, compare.logical_xor, compare.logical_not,
    )  # fmt: skip
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = (
        compare.bitwise_and, compare.bitwise_or, compare.bitwise_xor, compare.bitwise_not,
    )  # fmt: skip
    isnan, isinf, isfinite, isclose = compare.isnan, compare.isinf, compare.isfinite, compare.isclose
    allclose, equal = compare.allclose, compare.equal

    frac, deg2rad, rad2deg, sinc = elementwise.frac, elementwise.deg2rad, elementwise.rad2deg, elementwise.sinc
    positive, sgn, signbit, isreal = elementwise.positive, elementwise.sgn, elementwise.signbit, elementwise.isreal
    nan_to_num, isposinf, isneginf = elementwise.nan_to_num, elementwise.isposinf, elementwise.isneginf
    fix, fmod, fmax, fmin, hypot = (
        elementwise.fix, pairwise.fmod, pairwise.fmax, pairwise.fmin, pairwise.hypot,
    )  # fmt: skip
    logaddexp, logaddexp2, heaviside = pairwise.logaddexp, pairwise.logaddexp2, pairwise.heaviside
    copysign, nextafter, ldexp = pairwise.copysign, pairwise.nextafter, pairwise.ldexp
    xlogy, float_power, gcd, lcm = pairwise.xlogy, pairwise.float_power, integers.gcd, integers.lcm
    bitwise_left_shift, bitwise_right_shift = integers.bitwise_left_shift, integers.bitwise_right_shift
    erfinv, lgamma, digamma, mvlgamma = special.erfinv, special.lgamma, special.digamma, special.mvlgamma
    polygamma, logit, i0 = special.polygamma_method, special.logit, special.i0

    greater, greater_equal, less, less_equal, not_equal = compare.gt, compare.ge, compare.lt, compare.le, compare.ne
    arcsin, arccos, arctan, arccosh, arcsinh, arctanh, arctan2 = asin, acos, atan, acosh, asinh, atanh, atan2
    clamp_min, clamp_max = aliases.clamp_min, aliases.clamp_max

    conj, conj_physical, resolve_conj, resolve_neg, angle = (
        complexes.conj, complexes.conj_physical, complexes.resolve_conj, complexes.resolve_neg, complexes.angle,
    )  # fmt: skip

    # activations
    sigmoid, tanh, relu = activation.sigmoid, activation.tanh, activation.relu
    softmax, log_softmax = softmaxes.softmax, softmaxes.log_softmax

    # reductions
    sum, mean, prod, var, std = reduce.sum, reduce.mean, reduce.prod, reduce.var, reduce.std
    max, min, amax, amin, argmax, argmin = (
        extremum.max, extremum.min, extremum.amax, extremum.amin, extremum.argmax, extremum.argmin,
    )  # fmt: skip
    all, any, count_nonzero, norm = reduce.all, reduce.any, reduce.count_nonzero, distance.norm
    logsumexp = reduce.logsumexp

    median, nanmedian, mode, kthvalue = statistics.median, statistics.nanmedian, statistics.mode, statistics.kthvalue
    quantile, nanquantile, aminmax = quantiles.quantile, quantiles.nanquantile, statistics.aminmax
    nansum, nanmean, cov, corrcoef = statistics.nansum, statistics.nanmean, statistics.cov, statistics.corrcoef
    cumsum, cumprod, cummax, cummin = scan.cumsum, scan.cumprod, scan.cummax, scan.cummin
    logcumsumexp, diff = scan.logcumsumexp, scan.diff

    bincount, histc, histogram = histograms.bincount, histograms.histc, histograms.histogram
    unique, unique_consecutive = search.unique, search.unique_consecutive

    msort, sum_to_size, fill_diagonal_ = aliases.msort, aliases.sum_to_size, aliases.fill_diagonal_

    # shape
    reshape, view, view_as, reshape_as = shape.reshape, shape.view, shape.view_as, shape.reshape_as
    flatten, unflatten, ravel = shape.flatten, shape.unflatten, shape.ravel
    squeeze, unsqueeze = shape.squeeze, shape.unsqueeze
    permute, transpose, t, movedim, moveaxis = shape.permute, shape.transpose, shape.t, shape.movedim, shape.movedim
    swapaxes, swapdims = shape.transpose, shape.transpose
    expand, expand_as, broadcast_to = broadcast.expand_sizes, broadcast.expand_as, broadcast.broadcast_to
    repeat, tile, clone, contiguous = repeats.repeat, repeats.tile, shape.clone, shape.contiguous
    split, chunk, unbind, narrow, select = join.split, join.chunk, join.unbind, join.narrow, join.select
    flip, roll, tril, triu = repeats.flip, join.roll, triangle.tril, triangle.triu

    tensor_split, hsplit, vsplit, dsplit = sections.tensor_split, sections.hsplit, sections.vsplit, sections.dsplit
    fliplr, flipud, rot90 = arrange.fliplr, arrange.flipud, arrange.rot90
    repeat_interleave, adjoint = arrange.repeat_interleave, arrange.adjoint
    unfold, as_strided = strided.unfold, strided.as_strided
    diagonal, diag, diag_embed, diagflat = (
        diagonals.diagonal, diagonals.diag, diagonals.diag_embed, diagonals.diagflat,
    )  # fmt: skip
    diagonal_scatter, trace = diagonals.diagonal_scatter, diagonals.trace

    # indexing
    index_select, masked_select, masked_fill = along.index_select, index.masked_select, index.masked_fill
    gather, scatter, scatter_add, nonzero = along.gather, along.scatter, along.scatter_add, index.nonzero
    sort, argsort, topk = order.sort, order.argsort, order.topk

    take, put, take_along_dim, argwhere = places.take, places.put, places.take_along_dim, places.argwhere
    index_add, index_copy, index_fill = places.index_add, places.index_copy, places.index_fill
    index_put, index_reduce, masked_scatter = places.index_put, combined.index_reduce, places.masked_scatter
    scatter_reduce, select_scatter = combined.scatter_reduce, places.select_scatter
    slice_scatter = places.slice_scatter

    # matrix products
    matmul, mm, bmm, mv, dot, outer = (
        products.matmul, products.mm, products.bmm, products.mv, products.dot, products.outer,
    )  # fmt: skip
    addmm, baddbmm = products.addmm, products.baddbmm
    addmv, addr, addbmm, vdot = einsum.addmv, einsum.addr, einsum.addbmm, einsum.vdot
    inner, kron, cross, dist = einsum.inner, einsum.kron, distance.cross, distance.dist

    det, slogdet, logdet, inverse, pinverse = solve.det, solve.slogdet, solve.logdet, solve.inv, algebra.pinverse
    matrix_exp, matrix_power = linalg.matrix_exp, linalg.matrix_power
    cholesky_solve, cholesky_inverse = factors.cholesky_solve, factors.cholesky_inverse

    # creation
    new_tensor, new_zeros, new_ones = like.new_tensor, like.new_zeros, like.new_ones
    new_full, new_empty = like.new_full, like.new_empty
    exponential_, geometric_, log_normal_ = draws.exponential_, draws.geometric_, draws.log_normal_
    cauchy_, random_ = draws.cauchy_, draws.random_
    normal_, uniform_, bernoulli_ = sampling.normal_, sampling.uniform_, sampling.bernoulli_

    # in-place forms
    add_, sub_, mul_, div_, pow_ = (
        inplace(binary.add, _ops.add), inplace(binary.sub, _ops.sub), inplace(binary.mul, _ops.mul),
        inplace(division.div, _ops.div), inplace(binary.pow),
    )  # fmt: skip
    neg_, abs_, reciprocal_, sqrt_, rsqrt_, square_ = (
        inplace(pointwise.neg), inplace(pointwise.abs), inplace(pointwise.reciprocal), inplace(pointwise.sqrt),
        inplace(pointwise.rsqrt), inplace(pointwise.square),
    )  # fmt: skip
    exp_, expm1_, log_, log1p_ = (
        inplace(exponential.exp), inplace(exponential.expm1), inplace(exponential.log), inplace(exponential.log1p),
    )  # fmt: skip
    sin_, cos_, erf_ = inplace(trig.sin), inplace(trig.cos), inplace(exponential.erf)
    floor_, ceil_, round_, trunc_ = (
        inplace(pointwise.floor), inplace(pointwise.ceil), inplace(pointwise.round), inplace(pointwise.trunc),
    )  # fmt: skip
    clamp_, clip_, lerp_ = inplace(ternary.clamp), inplace(ternary.clamp), inplace(ternary.lerp)
    addcmul_, addcdiv_ = inplace(ternary.addcmul), inplace(ternary.addcdiv)
    sigmoid_, tanh_, relu_ = inplace(activation.sigmoid), inplace(activation.tanh), inplace(activation.relu)
    exp2_, log2_, log10_, tan_ = (
        inplace(exponential.exp2), inplace(exponential.log2), inplace(exponential.log10), inplace(trig.tan),
    )  # fmt: skip
    asin_, acos_, atan_, sinh_ = (
        inplace(trig.asin), inplace(trig.acos), inplace(trig.atan), inplace(trig.sinh),
    )  # fmt: skip
    cosh_, asinh_, acosh_, atanh_ = (
        inplace(trig.cosh), inplace(trig.asinh), inplace(trig.acosh), inplace(trig.atanh),
    )  # fmt: skip
    erfc_, sign_ = inplace(exponential.erfc), inplace(pointwise.sign)
    negative_, absolute_, arcsin_, arccos_, arctan_ = neg_, abs_, asin_, acos_, atan_
    conj_physical_ = inplace(complexes.conj_physical)
    floor_divide_, remainder_, atan2_ = (
        inplace(division.floor_divide),
        inplace(division.remainder),
        inplace(binary.atan2),
    )  # fmt: skip
    clamp_min_, clamp_max_ = inplace(aliases.clamp_min), inplace(aliases.clamp_max)
    arccosh_, arcsinh_, arctanh_, arctan2_ = acosh_, asinh_, atanh_, atan2_
    multiply_, subtract_, divide_, true_divide_ = mul_, sub_, div_, div_
    eq_, ne_, lt_, le_ = inplace(compare.eq), inplace(compare.ne), inplace(compare.lt), inplace(compare.le)
    gt_, ge_, logical_and_, logical_or_ = (
        inplace(compare.gt), inplace(compare.ge), inplace(compare.logical_and), inplace(compare.logical_or),
    )  # fmt: skip
    logical_xor_, logical_not_, bitwise_and_, bitwise_or_ = (
        inplace(compare.logical_xor), inplace(compare.logical_not),
        inplace(compare.bitwise_and), inplace(compare.bitwise_or),
    )  # fmt: skip
    bitwise_xor_, bitwise_not_ = inplace(compare.bitwise_xor), inplace(compare.bitwise_not)
    frac_, deg2rad_, rad2deg_, sinc_ = (
        inplace(elementwise.frac), inplace(elementwise.deg2rad),
        inplace(elementwise.rad2deg), inplace(elementwise.sinc),
    )  # fmt: skip
    nan_to_num_, fmod_, hypot_ = (
        inplace(elementwise.nan_to_num),
        inplace(pairwise.fmod), inplace(pairwise.hypot),
    )  # fmt: skip
    heaviside_, copysign_, nextafter_, ldexp_ = (
        inplace(pairwise.heaviside), inplace(pairwise.copysign),
        inplace(pairwise.nextafter), inplace(pairwise.ldexp),
    )  # fmt: skip
    xlogy_, gcd_, lcm_ = inplace(pairwise.xlogy), inplace(integers.gcd), inplace(integers.lcm)
    bitwise_left_shift_, bitwise_right_shift_ = (
        inplace(integers.bitwise_left_shift), inplace(integers.bitwise_right_shift),
    )  # fmt: skip
    fix_ = trunc_
    erfinv_, lgamma_, digamma_, mvlgamma_ = (
        inplace(special.erfinv), inplace(special.lgamma), inplace(special.digamma), inplace(special.mvlgamma),
    )  # fmt: skip
    logit_, i0_ = inplace(special.logit), inplace(special.i0)
    polygamma_ = inplace(special.polygamma_method)
    cumsum_, cumprod_ = inplace(scan.cumsum), inplace(scan.cumprod)
    tril_, triu_ = inplace(triangle.tril), inplace(triangle.triu)
    addmm_, baddbmm_ = inplace(products.addmm), inplace(products.baddbmm)
    addmv_, addr_, addbmm_ = inplace(einsum.addmv), inplace(einsum.addr), inplace(einsum.addbmm)
    put_, index_add_, index_copy_, index_fill_ = (
        inplace(places.put), inplace(places.index_add), inplace(places.index_copy), inplace(places.index_fill),
    )  # fmt: skip
    index_put_, index_reduce_, masked_scatter_, scatter_reduce_ = (
        inplace(places.index_put), inplace(combined.index_reduce), inplace(places.masked_scatter),
        inplace(combined.scatter_reduce),
    )  # fmt: skip
    masked_fill_, scatter_, scatter_add_ = (
        inplace(index.masked_fill), inplace(along.scatter), inplace(along.scatter_add),
    )  # fmt: skip

    greater_, greater_equal_, less_, less_equal_, not_equal_ = gt_, ge_, lt_, le_, ne_
    float_power_, sgn_, renorm_ = inplace(pairwise.float_power), inplace(elementwise.sgn), inplace(numbers.renorm)
    igamma_, igammac_ = inplace(incomplete.igamma), inplace(incomplete.igammac)

    # what PyTorch has as methods only, and what changes the shape in place
    transpose_, swapaxes_, swapdims_ = methods.transpose_, methods.transpose_, methods.transpose_
    squeeze_, unsqueeze_, t_, as_strided_ = (
        methods.squeeze_, methods.unsqueeze_, methods.t_, methods.as_strided_,
    )  # fmt: skip
    resize_, resize_as_, set_ = memory.resize_, memory.resize_as_, memory.set_
    apply_, map_, map2_ = methods.apply_, methods.map_, methods.map2_
    where, bernoulli, multinomial = methods.where, methods.bernoulli, sampling.multinomial
    short, char, to_dense, as_subclass = methods.short, methods.char, methods.to_dense, methods.as_subclass
    pin_memory, share_memory_, is_pinned, is_shared = (
        methods.pin_memory, methods.share_memory_, methods.false, methods.false,
    )  # fmt: skip
    new, new_empty_strided, dim_order = methods.new, methods.new_empty_strided, methods.dim_order
    is_set_to, module_load, reinforce = memory.is_set_to, methods.module_load, methods.reinforce
    storage, untyped_storage = memory.storage, memory.untyped_storage
    get_device, is_conj, is_neg, is_inference = (
        questions.get_device, questions.is_conj, questions.is_neg, questions.is_inference,
    )  # fmt: skip
    is_complex, is_distributed, is_nonzero, is_same_size, is_signed = (
        questions.is_complex, questions.is_distributed, questions.is_nonzero, questions.is_same_size,
        questions.is_signed,
    )  # fmt: skip
    ger, split_with_sizes, prelu, hardshrink = products.outer, join.split, filters.prelu, filters.hardshrink
    cholesky, qr, svd, lu, geqrf = algebra.cholesky, algebra.qr, algebra.svd, algebra.lu, householder.geqrf
    lu_solve, orgqr, ormqr = algebra.lu_solve, householder.orgqr, householder.ormqr
    triangular_solve, narrow_copy = algebra.triangular_solve, copies.narrow_copy
    frexp, renorm, as_strided_scatter = numbers.frexp, numbers.renorm, numbers.as_strided_scatter
    unsafe_chunk, unsafe_split, unsafe_split_with_sizes = (
        numbers.unsafe_chunk, numbers.unsafe_split, numbers.unsafe_split,
    )  # fmt: skip
    nonzero_static, igamma, igammac = made.nonzero_static, incomplete.igamma, incomplete.igammac
    locals().update({name: getattr(methods, name) for names in REFUSED.values() for name in names.split()})

    # operators
    __add__ = __radd__ = binary.add
    __sub__, __rsub__ = binary.sub, binary.rsub
    __mul__ = __rmul__ = binary.mul
    __truediv__, __rtruediv__, __rdiv__ = division.div, division.rdiv, division.rdiv
    __floordiv__, __rfloordiv__ = division.floor_divide, division.rfloor_divide
    __mod__, __rmod__ = division.remainder, division.rremainder
    __pow__, __rpow__ = binary.pow, binary.rpow
    __matmul__, __rmatmul__ = products.matmul, products.rmatmul
    __neg__, __abs__, __invert__ = pointwise.neg, pointwise.abs, compare.bitwise_not
    __and__ = __rand__ = compare.bitwise_and
    __or__ = __ror__ = compare.bitwise_or
    __xor__ = __rxor__ = compare.bitwise_xor
    __eq__, __ne__ = compare.equal_operator, compare.unequal_operator
    __lt__, __le__, __gt__, __ge__ = compare.lt, compare.le, compare.gt, compare.ge
    __lshift__, __rshift__ = integers.bitwise_left_shift, integers.bitwise_right_shift
    __iadd__, __isub__, __imul__, __itruediv__, __ipow__ = add_, sub_, mul_, div_, pow_
    __getitem__, __setitem__ = index.getitem, index.setitem


guarded_methods(Methods)
