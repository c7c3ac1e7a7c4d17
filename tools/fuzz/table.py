"""A fuzz target: the C functions, with arguments that their contract allows.

Each array has exactly the necessary length, so the sanitizer finds reads and writes past its end.
Two ways to compute a result must agree: decisions that are computed and used in one call, and
decisions that are computed first, or in two pieces.
"""

import ctypes
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dropcore"]):
    import dropcore
    from dropcore._core import nontemporal

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from engines.interface import Draw, KeyPath, Layout, Plan, Shard, Table, address

TABLE = Table()
DTYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}
RATES = (0.0, 1.0, 0.5, 0.25, 3 / 16, 0.1, 1e-9, 2.0**-64)
BASE = np.random.default_rng(1).normal(0, 100, 10_000)
BASE[::97], BASE[::89], BASE[::83] = np.inf, np.nan, -np.inf


def bytes_for(bits):
    """The number of bytes for a number of bits."""
    return (bits + 7) // 8


def same(a, b):
    """Whether two arrays have the same bytes."""
    return a.tobytes() == b.tobytes()


class Case:
    """The arguments of most functions: a draw, p, the place of the first element, and an array."""

    def __init__(self, give):
        self.name = give.PickValueInList(list(DTYPES))
        self.dtype = np.dtype(DTYPES[self.name])
        few = give.ConsumeBool()
        self.n = give.ConsumeIntInRange(0, 70 if few else 5000)
        self.p = give.PickValueInList(list(RATES))
        if give.ConsumeBool():
            self.p = give.ConsumeProbability()
        self.start = give.ConsumeIntInRange(0, 2**63 - self.n) if give.ConsumeBool() else 0
        key = (ctypes.c_uint32 * 8)(*range(give.ConsumeIntInRange(0, 3), 8))
        self.draw = ctypes.byref(Draw(key, give.ConsumeIntInRange(0, 2**64 - 1)))
        values = give.PickValueInList([(2.0, 0.0, 0.0), (1.5, 0.5, -1.0), (0.0, 0.0, 0.0)])
        self.plan = ctypes.byref(Plan(*values))
        self.x = self.array(give)
        nontemporal.set_nontemporal_from(0 if give.ConsumeBool() else 2**40)

    def array(self, give):
        """An array that begins anywhere in a cache line, and ends at the end of its memory."""
        skip = give.ConsumeIntInRange(0, 16)
        memory = np.empty(self.n + skip, self.dtype)
        memory[skip:] = BASE[: self.n].astype(self.dtype)
        return memory[skip:]

    def call(self, function, *arguments):
        """Call the function of this case's dtype."""
        getattr(TABLE, f"{function}_{self.name}")(*arguments)

    def decisions(self, start, n):
        """Packed decisions for `n` elements from `start` on."""
        bits = np.empty(bytes_for(n), np.uint8)
        TABLE.keep_bits(self.draw, self.p, start, n, address(bits))
        return bits


def forward(give):
    """One call that decides and computes gives the same as decisions followed by their use."""
    case = Case(give)
    n, x, y, z = case.n, case.x, case.array(give), case.array(give)
    bits = np.empty(bytes_for(n), np.uint8) if give.ConsumeBool() else None
    where = address(y)
    if give.ConsumeBool():
        case.call("forward", case.draw, case.p, case.start, n, address(x), where, address(bits))
        again = case.decisions(case.start, n)
        case.call("backward", case.draw, case.p, 0, n, address(x), address(z), address(again))
    else:
        case.call(
            "forward_plan", case.draw, case.p, case.start, n, case.plan, address(x), where,
            address(bits),
        )  # fmt: skip
        again = case.decisions(case.start, n)
        case.call("select", address(again), 0, n, case.plan, address(x), address(z))
    assert same(y, z)
    assert bits is None or same(bits, again)
    if give.ConsumeBool():  # in place
        case.call("forward", case.draw, case.p, case.start, n, address(x), address(x), None)


def pieces(give):
    """Decisions in two pieces equal the decisions in one piece."""
    case = Case(give)
    whole = np.unpackbits(case.decisions(case.start, case.n), count=case.n, bitorder="little")
    cut = give.ConsumeIntInRange(0, case.n)
    two = ((case.start, cut), (case.start + cut, case.n - cut))
    parts = [np.unpackbits(case.decisions(*of), count=of[1], bitorder="little") for of in two]
    assert same(whole, np.concatenate(parts))


def shared(give):
    """Decisions that several elements share equal repeated decisions; the bits begin anywhere."""
    case = Case(give)
    first = give.ConsumeIntInRange(0, 70)
    times = give.ConsumeIntInRange(1, max(1, case.n))
    some = case.n // times
    bits = case.decisions(0, first + some)
    x, y = case.x, case.array(give)
    way = give.PickValueInList(["repeat", "tile"])
    case.call(way, address(bits), first, some, times, case.plan, address(x), address(y))
    keep = np.unpackbits(bits, count=first + some, bitorder="little")[first:]
    laid = np.repeat(keep, times) if way == "repeat" else np.tile(keep, times)
    z, plain = case.array(give), np.packbits(laid, bitorder="little")
    m = some * times
    case.call("select", address(plain), 0, m, case.plan, address(x), address(z))
    assert same(y[:m], z[:m])


def layouts(give):
    """Decisions are applied to the right elements for every memory order of the axes."""
    case = Case(give)
    lengths = [give.ConsumeIntInRange(1, 40) for _ in range(give.ConsumeIntInRange(1, 4))]
    while np.prod(lengths) > max(case.n, 1):
        lengths.pop()
    axes = len(lengths)
    order = sorted(range(axes), key=lambda _: give.ConsumeIntInRange(0, 9))
    strides, step = [0] * axes, 1
    for axis in reversed(order):
        strides[axis] = step
        step *= lengths[axis]
    sharing, layout = give.ConsumeIntInRange(0, 2**axes - 1), Layout()
    array = ctypes.c_ssize_t * axes
    found = TABLE.layout_of(
        axes, array(*lengths), array(*strides), sharing, ctypes.byref(layout)
    )  # fmt: skip
    assert found
    case.n = step
    x, y = case.array(give), case.array(give)
    decisions = TABLE.layout_decisions(ctypes.byref(layout))
    bits = case.decisions(0, decisions)
    scratch = np.empty(TABLE.layout_scratch(ctypes.byref(layout)), np.uint8)
    case.call(
        "select_layout", ctypes.byref(layout), address(bits), case.plan, address(x), address(y),
        address(scratch),
    )  # fmt: skip
    own = [1 if sharing >> axis & 1 else lengths[axis] for axis in range(axes)]
    keep = np.unpackbits(bits, count=decisions, bitorder="little").reshape(own)
    in_memory = np.broadcast_to(keep, lengths).transpose(order)
    z, plain = case.array(give), np.packbits(in_memory, bitorder="little")
    case.call("select", address(plain), 0, step, case.plan, address(x), address(z))
    assert same(y, z)


def words(give):
    """Raw words in two pieces equal the words in one piece."""
    case = Case(give)
    n = case.n // 8
    whole, start = np.empty(n, np.uint64), min(case.start, 2**63 - n)
    TABLE.words(case.draw, start, n, address(whole))
    cut = give.ConsumeIntInRange(0, n)
    first, rest = np.empty(cut, np.uint64), np.empty(n - cut, np.uint64)
    TABLE.words(case.draw, start, cut, address(first))
    TABLE.words(case.draw, start + cut, n - cut, address(rest))
    assert same(whole, np.concatenate([first, rest]))


def shards(give):
    """The decisions of a block equal those that are cut from the whole mask."""
    case = Case(give)
    whole, offset, length = [], [], []
    for _ in range(give.ConsumeIntInRange(0, 4)):
        whole.append(give.ConsumeIntInRange(1, 3000))
        if np.prod(whole) > 20_000:
            whole[-1] = 1
        offset.append(give.ConsumeIntInRange(0, whole[-1]))
        length.append(give.ConsumeIntInRange(0, whole[-1] - offset[-1]))
    axes, shard = len(whole), Shard()
    array = ctypes.c_ssize_t * axes
    sharing = give.ConsumeIntInRange(0, 2**axes - 1) if give.ConsumeBool() else 0
    found = TABLE.shard_of(
        axes, array(*whole), array(*offset), array(*length), sharing, ctypes.byref(shard)
    )
    assert found
    own = [1 if sharing >> axis & 1 else n for axis, n in enumerate(whole)]
    block = tuple(
        slice(0, 1) if sharing >> axis & 1 else slice(first, first + n)
        for axis, (first, n) in enumerate(zip(offset, length, strict=True))
    )
    n = int(np.prod(own))
    keep = np.unpackbits(case.decisions(0, n), count=n, bitorder="little").reshape(own)
    keep = np.ascontiguousarray(keep[block]).reshape(-1)
    assert TABLE.shard_decisions(ctypes.byref(shard)) == keep.size
    first = give.ConsumeIntInRange(0, keep.size)
    case.n = n = give.ConsumeIntInRange(0, keep.size - first)
    expected = np.packbits(keep[first : first + n], bitorder="little")
    bits = np.empty(bytes_for(n), np.uint8)
    if sharing or give.ConsumeBool():
        TABLE.keep_shard(case.draw, case.p, ctypes.byref(shard), first, n, address(bits))
    else:
        x, y, z = case.array(give), case.array(give), case.array(give)
        case.call(
            "forward_shard", case.draw, case.p, ctypes.byref(shard), first, n, case.plan,
            address(x), address(y), address(bits),
        )  # fmt: skip
        case.call("select", address(expected), 0, n, case.plan, address(x), address(z))
        assert same(y, z)
    assert same(bits, expected)


def paths(give):
    """The C functions for paths give the same draw as a Stream with that path."""
    path, draw = KeyPath(), Draw()
    index, at = give.ConsumeIntInRange(0, 2**64 - 1), ctypes.byref(path)
    seed = give.ConsumeIntInRange(0, 2**64 - 1)
    if give.ConsumeBool():
        seed = give.ConsumeBytes(give.ConsumeIntInRange(0, 300))
        TABLE.path_of_bytes(address(np.frombuffer(seed, np.uint8).copy()), len(seed), at)
    else:
        TABLE.path_of_integer(seed, at)
    parts = []
    for _ in range(give.ConsumeIntInRange(0, 4)):
        part = give.ConsumeIntInRange(0, 2**64 - 1)
        if give.ConsumeBool():
            part = give.ConsumeUnicodeNoSurrogates(give.ConsumeIntInRange(0, 200))
            text = np.frombuffer(part.encode(), np.uint8).copy()
            TABLE.path_add_text(at, address(text), text.size)
        else:
            TABLE.path_add_integer(at, part)
        parts.append(part)
    TABLE.draw_at(at, index, ctypes.byref(draw))
    expected = dropcore.Stream(seed, tuple(parts)).at(index)
    assert bytes(draw.key) == expected.key
    assert draw.index == expected.index == index


TARGETS = (forward, forward, pieces, shared, shared, layouts, words, shards, shards, paths)


def one(data):
    """Run one target; atheris calls this function with each input."""
    give = atheris.FuzzedDataProvider(data)
    with np.errstate(all="ignore"):
        TARGETS[give.ConsumeIntInRange(0, len(TARGETS) - 1)](give)


if __name__ == "__main__":
    assert dropcore.STREAM_VERSION == 1
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
