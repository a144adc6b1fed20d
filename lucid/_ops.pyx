# distutils: language = c
"""The compiled layer: buffers, shapes and threads, never Tensors.

Each family of kernels lives in a file of its own and all share this one compile unit, so scalar helpers inline.
A family file holds serial kernels over a block, forward beside backward, and under them the functions Python
calls. Threads are started in few places: the elementwise drivers, the row and reduction drivers, gemm and conv.
"""

include "_kernels/prelude.pxi"        # C types, array helpers
include "_kernels/memory.pxi"         # the pool that results come from
include "_kernels/threads.pxi"        # thread count and grain
include "_kernels/team.pxi"           # the threads that prange runs on
include "_kernels/scalar.pxi"         # exp, log, tanh, erf ... on one element
include "_kernels/drivers.pxi"        # block kernels over whole arrays; map1
include "_kernels/broadcasting.pxi"   # several operands, broadcast together: map2, map3 ...
include "_kernels/expand.pxi"         # broadcasting in memory
include "_kernels/join.pxi"           # arrays one after the other
include "_kernels/half.pxi"           # float16 and bfloat16 to float32 and back
include "_kernels/conversions.pxi"    # between integers, float32 and float64
include "_kernels/interleaved.pxi"    # exp, silu, sigmoid, tanh, softplus and gelu, four registers at a time
include "_kernels/interleaved_avx2.pxi"  # the same with AVX2
include "_kernels/division.pxi"       # quotients of denormal numbers
include "_kernels/pointwise.pxi"      # functions of one element: neg, exp, sqrt ...
include "_kernels/trig.pxi"           # sin, cos, tan
include "_kernels/wide.pxi"           # powers, angles, hyperbolic functions, remainders: float32 by way of double
include "_kernels/binary.pxi"         # functions of two: add, mul, maximum ...; comparisons; clamp, where
include "_kernels/activation.pxi"     # smooth activations: silu, mish, gelu, sigmoid, tanh, softplus, elu
include "_kernels/piecewise.pxi"      # piecewise ones: relu, hardswish, hardsigmoid, leaky_relu, hardtanh
include "_kernels/interleaved_rows.pxi"  # extremes and softmax of rows, with AVX-512 or AVX2
include "_kernels/sums.pxi"           # sums of float32 in double, as vectors
include "_kernels/folds.pxi"          # rows and columns of numbers to one: the kernels of reductions
include "_kernels/axes.pxi"           # the axes of a reduction
include "_kernels/reduce.pxi"         # sum, mean, prod, var
include "_kernels/extremes.pxi"       # amax, argmax, logsumexp, cumsum ...
include "_kernels/topk.pxi"           # the largest elements of rows
include "_kernels/sort.pxi"           # rows in order
include "_kernels/select.pxi"         # the element of a rank
include "_kernels/nonzero.pxi"        # where a mask holds
include "_kernels/search.pxi"         # places in sorted rows
include "_kernels/softmax.pxi"        # softmax, and the driver of rows
include "_kernels/log_softmax.pxi"    # log_softmax
include "_kernels/cross_entropy.pxi"  # cross-entropy and negative log-likelihood
include "_kernels/loss.pxi"           # losses element by element: values, sums, gradients
include "_kernels/register_tile.pxi"  # the register tile of products
include "_kernels/transpose.pxi"      # rows copied, rows made columns
include "_kernels/copies.pxi"         # arrays of any strides copied into one another
include "_kernels/pack_ahead.pxi"     # the next panel, packed while the present one is multiplied
include "_kernels/tile.pxi"           # tiles over C, and packing for them
include "_kernels/gemm_dot.pxi"       # products of a few rows, without packing
include "_kernels/gemm.pxi"           # the blocked, threaded matrix product
include "_kernels/matmul.pxi"         # matmul, linear
include "_kernels/conv_tile.pxi"      # the register tile of a last, narrow panel
include "_kernels/gather.pxi"         # padded, phase-split copies of images
include "_kernels/patches.pxi"        # products whose right side is the patches of an image
include "_kernels/conv_strip.pxi"     # convolutions of one block of k, straight into y
include "_kernels/patch_blocks.pxi"   # what a block of them reads and writes
include "_kernels/pixels.pxi"         # the same for small images, without dropped columns
include "_kernels/winograd_transforms.pxi"  # of kernels, tiles and results
include "_kernels/winograd.pxi"       # 3x3 convolution in fewer multiplications
include "_kernels/winograd_few.pxi"   # the same for images of few tiles
include "_kernels/winograd_strided_kernels.pxi"  # of 3x3 and 4x4 convolution with stride 2
include "_kernels/winograd_strided.pxi"  # 3x3 and 4x4 convolution with stride 2 in fewer multiplications
include "_kernels/conv_weight.pxi"    # the weight gradient's sums over samples
include "_kernels/conv_weight_swapped.pxi"  # the same with output channels in the lanes
include "_kernels/winograd_weight.pxi"   # the same in fewer multiplications, for 3x3 kernels
include "_kernels/lanes.pxi"          # one register of elements
include "_kernels/depthwise_tile.pxi" # rows of registers that share loads
include "_kernels/depthwise.pxi"      # convolution plane by plane: one channel to a group
include "_kernels/depthwise_weight.pxi"   # its weight gradient
include "_kernels/depthwise_blocks.pxi"   # small planes, channels in the lanes
include "_kernels/depthwise_blocks_weight.pxi"  # their weight gradient
include "_kernels/conv.pxi"           # conv2d, conv2d_input_grad, conv2d_weight_grad
include "_kernels/scatter.pxi"        # the input gradient of strided ones, a product whose rows are added up
include "_kernels/winograd_transposed.pxi"  # the same in fewer multiplications, for 3x3 and 4x4 kernels with stride 2
include "_kernels/conv3d.pxi"         # the same over volumes, plane by plane
include "_kernels/interleaved_pool.pxi"  # the maximum of 2 x 2 windows, with AVX-512
include "_kernels/pool.pxi"           # max pooling, and what poolings share
include "_kernels/avg_pool.pxi"       # average, adaptive average pooling
include "_kernels/resample.pxi"       # rows as weighted sums of rows: resizing
include "_kernels/max_values.pxi"     # maxima without places, of any windows
include "_kernels/sampling.pxi"       # planes read at points between their elements
include "_kernels/norm.pxi"           # batch norm
include "_kernels/plan_train_norm.pxi"  # batch norm, ReLU and pooling at once, for training plans
include "_kernels/layer_norm_avx2.pxi"   # rows of layer norm with AVX2
include "_kernels/layer_norm.pxi"     # layer norm, RMS norm
include "_kernels/group_norm.pxi"     # group norm
include "_kernels/embedding.pxi"      # row gather and scatter-add
include "_kernels/counts.pxi"         # integers counted
include "_kernels/places.pxi"         # elements and slices picked where an index says
include "_kernels/places_checks.pxi"  # whether they are in range; several coordinates to a place
include "_kernels/places_put.pxi"     # and written or added there
include "_kernels/triangle.pxi"       # triangles of matrices
include "_kernels/difference.pxi"     # differences of neighbours
include "_kernels/random.pxi"         # Philox: uniform, normal, dropout
include "_kernels/attention.pxi"      # softmax(q @ k.T) @ v in blocks
include "_kernels/attention_backward.pxi"  # its gradient
include "_kernels/rnn_step.pxi"       # gates of RNN, LSTM, GRU
include "_kernels/recurrence.pxi"     # a step of all samples
include "_kernels/rnn.pxi"            # RNN, LSTM, GRU: whole sequences
include "_kernels/packed.pxi"         # weights in the order of blocked kernels
include "_kernels/blocked_tile.pxi"   # the register tile of blocked images
include "_kernels/blocked_chains.pxi"  # the same for short chains
include "_kernels/blocked_conv.pxi"   # convolutions of blocked images, products with packed weights
include "_kernels/low_tile.pxi"       # the same in bfloat16 and in bytes: the register tile, conversions
include "_kernels/low_end.pxi"        # their sums on the way into y
include "_kernels/low_whole.pxi"      # tiles that become results in registers
include "_kernels/low_conv.pxi"       # convolutions and products of either
include "_kernels/blocked_winograd.pxi"   # 3x3 convolutions of blocked images in fewer multiplications
include "_kernels/low_winograd.pxi"   # the same in bfloat16
include "_kernels/blocked_depthwise.pxi"  # depthwise convolution of blocked images
include "_kernels/low_depthwise.pxi"  # the same between bfloat16 or bytes
include "_kernels/blocked_pool.pxi"   # pooling of blocked images, the ways into the layout and out of it
include "_kernels/plan_team.pxi"      # threads, tasks, groups of steps
include "_kernels/plan.pxi"           # steps over buffers, run in one call
include "_kernels/plan_moves.pxi"     # rows of tables, resampling
include "_kernels/plan_recurrent.pxi" # recurrent layers
include "_kernels/plan_functions.pxi" # functions of one number, by name
include "_kernels/plan_rows.pxi"      # steps over rows and whole tensors
include "_kernels/low_layout.pxi"     # steps from one form of an image to another
include "_kernels/low_steps.pxi"      # steps in bfloat16 and bytes
include "_kernels/plan_steps.pxi"     # convolutions, pooling, products; the class Plan
include "_kernels/optim.pxi"          # sgd, adam, adamw, rmsprop: one pass over all parameters
include "_kernels/optim_moments.pxi"  # adamax, nadam, radam
include "_kernels/optim_sums.pxi"     # adagrad, adadelta, rprop, asgd
include "_kernels/machine.pxi"        # peak rates of this machine, for the benchmarks
