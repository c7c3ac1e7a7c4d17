"""What RESULTS.md says about its tables, section by section."""

IN_SHORT = """\
Each figure is a ratio, unless the case names a unit. *Speed* is elements per second. In
the second column, a number such as 2^18 is the number of elements of x. The sections below
explain the operations."""

KERNELS = """\
Each figure is the speed in elements per second, divided by the speed of `np.copyto(y, x)`
on the same buffers. *forward* is `dropcore.dropout` with `out=`, which stores one bit for
each decision; with `store="draw"` no bits are stored. *backward from bits* reads the
stored bits, *backward from the draw* computes the bits again. *in place* means `out=x`.
`keep_mask` computes only the decisions."""

PEERS = """\
Each figure is the speed of `dropcore.dropout` divided by the speed of a peer: float32,
p = 0.1, one thread for each of the two. In the tables *forward*, dropcore writes to an
existing array (`out=`). In the tables *forward, fresh output*, dropcore allocates a new
output in each call. The calls of the peers are the same in all tables: numba, ONNX
Runtime and *NumPy idiom, out=* write to an existing array, the other peers allocate a new
output. [peers.py](peers.py) has the calls. *TensorFlow* is a compiled graph, *TensorFlow,
eager* is not. *JAX* is JAX's own operations, compiled by
`jax.jit`; [dropcore-jax](../plugins/frameworks/dropcore-jax/README.md#speed) compares
dropcore in JAX programs with the same operations.

*NumPy idiom* computes `x * (rng.random(x.size) >= p) / (1 - p)` in float32: each element
gets a uniform random number, and is kept if the number is at least p. *NumPy idiom, out=*
computes the same, but each step writes to an array that exists before the call."""

LIBXSMM = """\
libxsmm is a C library that compiles its kernels at run time. Each figure is the speed of
dropcore divided by the speed of libxsmm, at p = 0.1. Both store the bits. The masks of
libxsmm depend on the instruction set and cannot be made again. Its p has 23 bits, and its
v4 kernels for bfloat16 flush subnormal numbers to zero."""

SHARED_AXES = """\
In *NCHW* and *NHWC*, the variant `spatial` makes one decision for each channel of each
sample. In *all time steps*, one decision holds for an element at all time steps
(`shared_axes=(0,)`). Each figure is the speed divided by the speed of a multiplication by
a scalar, on the same buffers; float32, p = 0.1."""

LAYOUTS = """\
Each figure is the speed divided by the speed of a copy of x to y; float32, p = 0.1. x and
y have the same strides. *C order* is the case for comparison. In *rows apart* and *every
other row* the arrays have gaps: dropcore copies x before the kernel runs, and the result
afterwards. The other layouts have no gaps, but their axes lie in memory in another order
([bench_layouts.py](bench_layouts.py))."""

SHARDS = """\
x is a block of a larger array (`shard=`), with about 2^18 elements of float32; p = 0.1.
Each figure is the speed divided by the speed on a contiguous piece with 2^18 elements.
`1000 of 2000` means that a row of the block has 1000 elements, and a row of the larger
array 2000. Kernels work on keep words of 32 decisions. Rows of 4096 and of 64 elements
begin with the first decision of a keep word, except in *inside a word*. Rows of 1000 and
of 7 elements begin in the middle of a keep word."""

CALLS = """\
Each figure is the time of the call in the first column, divided by the time of one
`np.multiply(x, s, out=y)` on as many elements; p = 0.1. `Dropout` is a layer; its figures
are the time of a forward and a backward call together. The rows `dropout with ...` and
`dropout without ...` pass their options as `**options`, which takes longer than keywords.
So compare these rows with the row `dropout with **options`, whose only option is
`out=y`."""

THREADS = """\
Each figure is the speed divided by the speed with one thread; float32, p = 0.1. A call
uses at most one thread for each 2^20 elements."""

VARIANTS = """\
Each variant has its default options; `spatial` and `dropblock` have `channel_axis=1`, and
`dropblock` has `block_size=7`, because these options have no default. x has the shape
(16, 16, 32, 32); float32, p = 0.1. Each figure is the speed divided by the speed of a
copy; 0.00 is less than 0.005."""

TRAINING_STEP = """\
The network on `dropcore.autograd` has 64 inputs, two hidden layers of 256 units each, and
10 outputs, with dropout after each of the two relus. A batch has 128 rows. The training step of
PyTorch trains the same network without dropout."""

LARGE = """\
Each figure is the time per element, divided by the time per element at the smallest size;
float32, p = 0.1."""
