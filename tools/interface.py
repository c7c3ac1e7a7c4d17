"""The single definition of the compiled interface: dtypes, structs, kernels, exported functions.

`python tools/write_interface.py` (`make interface`) generates the declarations from this table, in
the files that `FILES` in write_interface.py lists. Generated text stands between two marks. A test
fails if a file is stale.

A new exported function needs an entry in a new block after the last block (see `BLOCKS`). It also
needs a kernel, or a body in `_core/api.pyx` if existing kernels do its work.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dtype:
    """A dtype: its name, the C type in exported functions, and the type inside the kernels."""

    name: str
    passed: str
    kernel: str


# In the order of the enum Dtype. A new dtype moves fields of the C table, so DROPCORE_ABI must
# change (dropcore.h, _core/api.pxd).
DTYPES = (
    Dtype("float32", "float", "float"),
    Dtype("float64", "double", "double"),
    Dtype("float16", "uint16_t", "float16"),
    Dtype("bfloat16", "uint16_t", "bfloat16"),
)


@dataclass(frozen=True)
class Struct:
    """A struct: the exported name, the name in the core, the fields and the comment."""

    name: str
    inside: str
    fields: tuple[str, ...]
    says: str


STRUCTS = (
    Struct(
        "dropcore_draw",
        "DrawAddress",
        ("uint32_t key[8]", "uint64_t index"),
        "The address of the decisions of one call, in 40 bytes. Do not use the fields.",
    ),
    Struct(
        "dropcore_plan",
        "Plan",
        ("double scale", "double shift", "double drop"),
        "The rule for values: a kept element becomes x * scale + shift, a dropped element becomes "
        "`drop`. The product and the sum are each rounded to float64 for float64 elements, and to "
        "float32 for all others.",
    ),
    Struct(
        "dropcore_path",
        "Path",
        ("uint64_t hash[8]", "uint8_t block[128]", "uint64_t length"),
        "A seed, and the parts of the path below the seed. Do not use the fields.",
    ),
    Struct(
        "dropcore_layout",
        "Layout",
        (
            "Py_ssize_t elements",
            "Py_ssize_t decisions",
            "int32_t dense",
            "int32_t repeats",
            "Py_ssize_t n",
            "Py_ssize_t times",
            "Py_ssize_t steps",
            "int32_t loops",
            "Py_ssize_t loop_length[64]",
            "Py_ssize_t loop_stride[64]",
            "Py_ssize_t reordered",
            "int32_t axes",
            "Py_ssize_t length[64]",
            "Py_ssize_t stride[64]",
        ),
        "Which decision belongs to which element of an array, in the order of memory. Do not use "
        "the fields.",
    ),
    Struct(
        "dropcore_shard",
        "Shard",
        (
            "uint64_t start",
            "Py_ssize_t n",
            "Py_ssize_t rows",
            "int32_t loops",
            "int32_t shared",
            "Py_ssize_t loop_length[64]",
            "Py_ssize_t loop_stride[64]",
        ),
        "Where the decisions of a block lie in the mask of a larger array. Do not use the fields.",
    ),
)


@dataclass(frozen=True)
class Function:
    """An exported function.

    Attributes
    ----------
    name : str
        The name; in Cython `dropcore_` comes before it.
    arguments : str
        The arguments as Cython declares them. If `element` is one of their types, there is one
        function for each dtype.
    says : str
        The comment in the declarations; empty if the comment of the function before covers both.
    kernel : str
        The kernel that does the work; empty if the body is in `_core/api.pyx`. A kernel has the
        function's arguments. It gets the plan by value, followed by a flag for non-temporal stores.
    elements : str
        The number of elements that a kernel reads and writes, if the number is not `n`.
    result : str
    where : str
        The module that exports the function.
    in_c : bool
        Whether the function has a field in the table of `dropcore.h`.
    exported : bool
        False for a kernel that only the core calls.
    views : str
        The arguments of the same function over typed memoryviews, in `core/__init__.pxd` (for
        shards in `core/shard_views.pxd`): memoryviews instead of counts and pointers, and a plan's
        numbers instead of the plan. Empty if there is no such function.
    may_be_null : tuple of str
        The pointers that may be NULL.
    """

    name: str
    arguments: str
    says: str = ""
    kernel: str = ""
    elements: str = "n"
    result: str = "void"
    where: str = "dropcore._core.api"
    in_c: bool = True
    exported: bool = True
    views: str = ""
    may_be_null: tuple[str, ...] = ()

    @property
    def of_dtype(self) -> bool:
        """Whether there is one function for each dtype."""
        return "element" in self.arguments


@dataclass(frozen=True)
class Block:
    """Successive functions in the table of `dropcore.h`: either all have a dtype, or none has."""

    title: str
    functions: tuple[Function, ...]

    @property
    def of_dtype(self) -> bool:
        """Whether there is a copy of the block for each dtype."""
        return self.functions[0].of_dtype


# Within one DROPCORE_ABI, fields of the C table are only added at the end of the table. So a new
# function goes into a new block after the last block. In a block with a dtype, a new function would
# move the fields of the later dtypes, because the whole block is repeated for each dtype.
BLOCKS = (
    Block(
        "keys and draws",
        (
            Function(
                "abi",
                "",
                "Returns DROPCORE_ABI of the installed dropcore. Callers that declare the "
                "signatures themselves, as with ctypes, compare it with the ABI that they declare.",
                result="uint32_t",
                in_c=False,
            ),
            Function(
                "path_of_integer",
                "uint64_t seed,\ndropcore_path* path,  # OUT",
                "A path names a stream: a seed, then parts. Adding a part gives the path of a "
                "child stream. A path can be copied, and extended after `draw_at`.",
            ),
            Function(
                "path_of_bytes",
                "const uint8_t* seed, Py_ssize_t n,\ndropcore_path* path,  # OUT",
            ),
            Function(
                "path_add_integer",
                "dropcore_path* path,  # INOUT\nuint64_t part,",
            ),
            Function(
                "path_add_text",
                "dropcore_path* path,  # INOUT\nconst char* utf8, Py_ssize_t n,",
            ),
            Function(
                "draw_at",
                "const dropcore_path* path, uint64_t index,\ndropcore_draw* draw,  # OUT",
            ),
            Function(
                "set_index",
                "dropcore_draw* draw,  # INOUT\nuint64_t index,",
            ),
        ),
    ),
    Block(
        "decisions, raw words, the scale",
        (
            Function(
                "keep_bits",
                "const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,\n"
                "uint8_t* bits,  # OUT",
                "Writes the decisions of n elements as packed bits.",
                kernel="keep_bits",
            ),
            Function(
                "words",
                "const dropcore_draw* draw, uint64_t start, Py_ssize_t n,\nuint64_t* words,  # OUT",
                "Writes n raw random words of 64 bits, from word `start` on, for noise other than "
                "dropout.",
                kernel="words",
            ),
            Function(
                "scale",
                "double p",
                "The scale of standard dropout, as forward uses it: 1 / (1 - q) with q = "
                "floor(p * 2^64) / 2^64; 0 for p == 1.",
                result="double",
            ),
            Function(
                "reorder",
                "const uint8_t* bits,\n"
                "int axes, const Py_ssize_t* length, const Py_ssize_t* stride,\n"
                "uint8_t* out,  # OUT: whole words of 4 bytes",
                "Writes bits in another order. Bits of `out` are in C order over axes of these "
                "lengths. `stride` says how many bits of `bits` a step along each axis skips; 0 if "
                "decisions are shared along the axis.",
                kernel="reorder",
                exported=False,
            ),
        ),
    ),
    Block(
        "layouts",
        (
            Function(
                "layout_of",
                "int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,\n"
                "dropcore_layout* layout,  # OUT",
                "Makes the layout of an array. `stride`: for each axis, in elements; NULL for C "
                "order. Bit a of `shared` says that decisions are shared along axis a. Returns 1 "
                "if the layout was made. Returns 0, and sets all fields to 0, if "
                "the array has more than 64 axes, gaps, elements that share memory, a negative "
                "length, a negative stride of an axis longer than 1, or 2^63 elements or more (an "
                "axis of length 0 counts as 1), or if `shared` names an axis that the array does "
                "not have.",
                result="int32_t",
                may_be_null=("stride",),
            ),
            Function(
                "layout_decisions",
                "const dropcore_layout* layout",
                "The number of bits that `select_layout` reads. The bits are in C order of the "
                "axes, not in the order of memory.",
                result="Py_ssize_t",
            ),
            Function(
                "layout_scratch",
                "const dropcore_layout* layout",
                "The size in bytes of the scratch memory that `select_layout` needs; may be 0. The "
                "memory must be aligned to 4 bytes.",
                result="Py_ssize_t",
            ),
        ),
    ),
    Block(
        "for each dtype",
        (
            Function(
                "forward",
                "const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,\n"
                "const element* x, element* y, uint8_t* bits,",
                "Standard dropout. `bits`: OUT, or NULL to write no bits.",
                views="draw, p, x, y, bits=None, start=0",
                may_be_null=("bits",),
            ),
            Function(
                "backward",
                "const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,\n"
                "const element* dy, element* dx, const uint8_t* bits,",
                "The gradient of forward. `bits`: the bits that forward wrote, or NULL to make "
                "the decisions again from the draw.",
                views="draw, p, dy, dx, bits=None, start=0",
                may_be_null=("bits",),
            ),
            Function(
                "forward_plan",
                "const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,\n"
                "const dropcore_plan* plan, const element* x, element* y, uint8_t* bits,",
                "Like forward, with a plan. For the gradient, call `select` with the bits from "
                "this call, and with shift = drop = 0.",
                kernel="forward_plan",
                views="draw, p, x, y, scale, shift=0, drop=0, bits=None, start=0",
                may_be_null=("bits",),
            ),
            Function(
                "select",
                "const uint8_t* bits, uint64_t first, Py_ssize_t n,\n"
                "const dropcore_plan* plan, const element* x, element* y,",
                "Selects n elements by n given bits. Bit `first` belongs to the first element.",
                kernel="select",
                views="bits, x, y, scale, shift=0, drop=0, first=0",
            ),
            Function(
                "repeat",
                "const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,\n"
                "const dropcore_plan* plan, const element* x, element* y,",
                "Like select, for shared inner axes: each of `decisions` bits holds for `times` "
                "neighbouring elements.",
                kernel="repeat",
                elements="decisions * times",
                views="bits, decisions, times, x, y, scale, shift=0, drop=0, first=0",
            ),
            Function(
                "tile",
                "const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,\n"
                "const dropcore_plan* plan, const element* x, element* y,",
                "Like select, for shared outer axes: one row of `decisions` bits holds for each of "
                "`times` rows of elements.",
                kernel="tile",
                elements="decisions * times",
                views="bits, decisions, times, x, y, scale, shift=0, drop=0, first=0",
            ),
            Function(
                "select_layout",
                "const dropcore_layout* layout, const uint8_t* bits,\n"
                "const dropcore_plan* plan, const element* x, element* y,\n"
                "uint8_t* scratch,  # OUT: of layout_scratch bytes",
                "Selects all elements of an array by given bits, with a layout.",
            ),
        ),
    ),
    Block(
        "with the GIL",
        (
            Function(
                "draw_of",
                "object rng,\ndropcore_draw* draw,  # OUT",
                "Needs the GIL. Writes the draw that dropcore.dropout takes from its argument "
                "`rng`; a Stream gives its next draw. Returns 0 if the draw was written. Returns "
                "-1, with a Python exception set, if `rng` is not accepted, or if `draw` is NULL "
                "or not aligned to 8 bytes.",
                result="int",
                where="dropcore.rng",
            ),
        ),
    ),
    Block(
        "shards",
        (
            Function(
                "shard_of",
                "int axes, const Py_ssize_t* whole, const Py_ssize_t* offset,\n"
                "const Py_ssize_t* length, uint64_t shared,\n"
                "dropcore_shard* shard,  # OUT",
                "Makes the shard for a block that begins at `offset` in a whole array. `whole` and "
                "`length` are the lengths of the axes of the whole array and of the block. Bit a "
                "of `shared` says that decisions are shared along axis a. Returns 1 if the shard "
                "was made. Returns 0, and sets all fields to 0, if the block is "
                "not within the whole array, if the whole array has more than 64 axes or 2^63 "
                "elements or more (an axis of length 0 counts as 1), or if `shared` names an axis "
                "that the whole array does not have.",
                result="int32_t",
            ),
            Function(
                "shard_decisions",
                "const dropcore_shard* shard",
                "The number of decisions of the block.",
                result="Py_ssize_t",
            ),
            Function(
                "keep_shard",
                "const dropcore_draw* draw, double p, const dropcore_shard* shard,\n"
                "Py_ssize_t first, Py_ssize_t n,\n"
                "uint8_t* bits,  # OUT",
                "Like keep_bits, for a block: writes n decisions from the block's decision `first` "
                "on, in C order of the block.",
                kernel="keep_shard",
            ),
        ),
    ),
    Block(
        "shards, for each dtype",
        (
            Function(
                "forward_shard",
                "const dropcore_draw* draw, double p, const dropcore_shard* shard,\n"
                "Py_ssize_t first, Py_ssize_t n,\n"
                "const dropcore_plan* plan, const element* x, element* y, uint8_t* bits,",
                "Like forward_plan, for a block without shared decisions. x and y begin with the "
                "block's element `first`.",
                kernel="forward_shard",
                views="draw, p, shard, x, y, scale, shift=0, drop=0, bits=None",
                may_be_null=("bits",),
            ),
        ),
    ),
)
