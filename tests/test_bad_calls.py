"""Bad calls: each error names the argument, and the call changes nothing.

A row is a name, a call on a `World`, the exception, and a pattern that the message must contain:
the argument, and the value if it is short. After the call, every array of the world has the same
bytes as before, and its stream and its generator have the same positions.
"""

import math
import subprocess
import sys

import numpy as np
import pytest
from unplanned_variants import Half, Noise, Scaled

import dropcore
from dropcore import Draw, Dropout, Mask, Stream, keep_mask

LAST = 2**64 - 1
KEY = "0" * 64


class World:
    """The objects that a bad call gets, and must not change."""

    def __init__(self):
        rng = np.random.default_rng(7)
        self.buffer = rng.standard_normal(40).astype(np.float32)
        self.x = self.buffer[:6].reshape(2, 3)
        self.shifted = self.buffer[1:7].reshape(2, 3)
        self.out = np.full((2, 3), 9, np.float32)
        self.square = rng.standard_normal((3, 3))
        self.locked = np.full((2, 3), 9, np.float32)
        self.locked.flags.writeable = False
        self.one_place = np.zeros(1, np.float32)
        self.generator = np.random.default_rng(3)
        self.stream = Stream(42)
        self.stream.child("a").draw()
        for _ in range(3):
            self.stream.draw()
        self.mask = dropcore.dropout(self.x, 0.5, training=True, rng=self.stream.at(9))[1]
        self.record = self.mask.record()
        self.state = self.stream.state
        self.layer = Dropout(0.5, rng=self.stream)

    def drop(self, x=None, p=0.5, *, training=True, **options):
        options.setdefault("rng", self.stream)
        return dropcore.dropout(self.x if x is None else x, p, training=training, **options)

    def keep(self, shape=5, p=0.5, **options):
        return keep_mask(shape, p, rng=self.stream, **options)

    def one_place_for_all(self):
        return np.lib.stride_tricks.as_strided(self.one_place, (2, 3), (0, 0))

    def used_layer(self, calls):
        layer = Dropout(0.5, rng=1)
        for _ in range(calls):
            layer(self.x)
        return layer

    def new_record(self, **fields):
        return Mask.from_record({**self.record, **fields})

    def new_state(self, **fields):
        return Stream.from_state({**self.state, **fields})

    def set_state(self, **fields):
        self.stream.state = {**self.state, **fields}

    def exhausted(self):
        return Stream.from_state({**Stream(1).state, "position": 2**64})

    def untouched(self):
        arrays = {k: v.tobytes() for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        layer = (self.layer.p, self.layer.training, self.layer.mask)
        return arrays, self.stream.state, self.generator.bit_generator.state, layer


P = [
    ("nan", lambda w: w.drop(p=float("nan")), ValueError, r"^p must .*nan"),
    (
        "nan in inference",
        lambda w: w.drop(p=math.nan, training=False),
        ValueError,
        r"^p must .*nan",
    ),
    ("nan of keep_mask", lambda w: w.keep(p=math.nan), ValueError, r"^p must .*nan"),
    ("nan of from_keep", lambda w: Mask.from_keep([1], math.nan), ValueError, r"^p must .*nan"),
    ("nan of a layer", lambda w: Dropout(math.nan), ValueError, r"^p must .*nan"),
    ("below 0", lambda w: w.drop(p=-0.1), ValueError, r"^p must .*-0\.1"),
    ("just below 0", lambda w: w.drop(p=-5e-324), ValueError, r"^p must .*-5e-324"),
    ("above 1", lambda w: w.drop(p=1.5), ValueError, r"^p must .*1\.5"),
    ("infinite", lambda w: w.drop(p=float("inf")), ValueError, r"^p must .*inf"),
    ("a percentage", lambda w: w.drop(p=50), ValueError, r"^p must .*50"),
    ("no float at all", lambda w: w.drop(p=10**400), ValueError, r"^p must "),
    ("str", lambda w: w.drop(p="0.5"), TypeError, r"^p must .*'0\.5'"),
    ("bool", lambda w: w.drop(p=True), TypeError, r"^p must .*True"),
    ("NumPy's bool", lambda w: w.drop(p=np.False_), TypeError, r"^p must .*False"),
    ("None", lambda w: w.drop(p=None), TypeError, r"^p must .*None"),
    ("complex", lambda w: w.drop(p=0.5 + 0j), TypeError, r"^p must "),
    ("array", lambda w: w.drop(p=np.array([0.1, 0.2])), TypeError, r"^p must .*array"),
    ("0-d array", lambda w: w.drop(p=np.array(0.5)), TypeError, r"^p must .*array"),
    ("in inference", lambda w: w.drop(p=1.5, training=False), ValueError, r"^p must .*1\.5"),
    ("of keep_mask", lambda w: w.keep(p=2), ValueError, r"^p must .*2"),
    ("of from_keep", lambda w: Mask.from_keep([1], "1"), TypeError, r"^p must .*'1'"),
    ("of a layer", lambda w: Dropout(1.01), ValueError, r"^p must .*1\.01"),
    ("set on a layer", lambda w: setattr(w.layer, "p", -1), ValueError, r"^p must .*-1"),
]

X = [
    ("int", lambda w: w.drop(np.arange(4)), TypeError, r"^x must .*int64"),
    ("list of int", lambda w: w.drop([1, 2]), TypeError, r"^x must .*int64"),
    ("bool", lambda w: w.drop(np.ones(4, bool)), TypeError, r"^x must .*bool"),
    ("complex", lambda w: w.drop(np.ones(4, complex)), TypeError, r"^x must .*complex128"),
    ("object", lambda w: w.drop(np.array([1.5, None])), TypeError, r"^x must .*object"),
    ("str", lambda w: w.drop("1.5"), TypeError, r"^x must .*<U3"),
    ("ragged", lambda w: w.drop([[1.0], [1.0, 2.0]]), TypeError, r"^x must .*list"),
    ("masked", lambda w: w.drop(np.ma.array([1.0, 2.0])), TypeError, r"^x must .*masked"),
    ("other end first", lambda w: w.drop(np.ones(4, ">f4")), TypeError, r"^x must .*>f4"),
    ("long double", lambda w: w.drop(np.ones(4, np.longdouble)), TypeError, r"^x must .*not of"),
    ("in inference", lambda w: w.drop([1, 2], training=False), TypeError, r"^x must .*int64"),
    ("shape", lambda w: w.mask.forward(np.ones(6)), ValueError, r"^x must .*\(2, 3\).*\(6,\)"),
    (
        "two of them",
        lambda w: w.mask.forward(w.x, w.x),
        TypeError,
        r"^inputs must be x .*not 2 arrays",
    ),
    ("dy of other shape", lambda w: w.mask.backward(w.x.T), ValueError, r"^dy must .*\(3, 2\)"),
    ("dy of int", lambda w: w.mask.backward(np.ones((2, 3), int)), TypeError, r"^dy must .*int64"),
    ("layer", lambda w: w.layer(np.arange(4)), TypeError, r"^x must .*int64"),
]

OUT = [
    ("read-only", lambda w: w.drop(out=w.locked), ValueError, r"^out must .*read-only"),
    ("a list", lambda w: w.drop(out=[0.0] * 6), TypeError, r"^out must .*list"),
    ("masked", lambda w: w.drop(out=np.ma.array(w.out)), TypeError, r"^out must .*MaskedArray"),
    ("shape", lambda w: w.drop(out=w.out.T), ValueError, r"^out must .*\(2, 3\).*\(3, 2\)"),
    ("broadcastable", lambda w: w.drop(out=w.out[:1]), ValueError, r"^out must .*\(1, 3\)"),
    ("dtype", lambda w: w.drop(out=w.square[:2]), TypeError, r"^out must .*float32.*f8"),
    ("byte order", lambda w: w.drop(out=w.out.view(">f4")), TypeError, r"^out must .*>f4"),
    ("stride 0", lambda w: w.drop(out=w.one_place_for_all()), ValueError, r"^out must .*\(0, 0\)"),
    ("overlap", lambda w: w.drop(out=w.shifted), ValueError, r"^out must .*overlap"),
    ("reversed x", lambda w: w.drop(out=w.x[::-1]), ValueError, r"^out must .*overlap"),
    ("x.T", lambda w: w.drop(w.square, out=w.square.T), ValueError, r"^out must .*overlap"),
    ("in inference", lambda w: w.drop(out=w.locked, training=False), ValueError, r"^out must "),
    ("of forward", lambda w: w.mask.forward(w.x, out=w.locked), ValueError, r"^out must "),
    ("of backward", lambda w: w.mask.backward(w.x, out=w.shifted), ValueError, r"^out must .*dy"),
    ("of a layer", lambda w: w.layer(w.x, out=w.square), TypeError, r"^out must .*f8"),
]

OPTIONS = [
    ("axis too high", lambda w: w.drop(shared_axes=2), ValueError, r"shared_axes.*axis 2"),
    ("axis too low", lambda w: w.drop(shared_axes=(0, -3)), ValueError, r"shared_axes.*axis -3"),
    ("axis of 0-d", lambda w: w.drop(1.5, shared_axes=0), ValueError, r"shared_axes.*axis 0"),
    ("huge axis", lambda w: w.drop(shared_axes=2**70), ValueError, r"shared_axes"),
    ("array of axes", lambda w: w.drop(shared_axes=np.array([0])), TypeError, r"shared_axes must "),
    ("set of axes", lambda w: w.drop(shared_axes={0}), TypeError, r"shared_axes must .*\{0\}"),
    ("repeated axis", lambda w: w.drop(shared_axes=(1, 1)), ValueError, r"repeated.*shared_axes"),
    ("repeated from the end", lambda w: w.drop(shared_axes=(1, -1)), ValueError, r"shared_axes"),
    ("bool axis", lambda w: w.drop(shared_axes=True), TypeError, r"shared_axes must .*True"),
    ("float axis", lambda w: w.drop(shared_axes=(0.0,)), TypeError, r"shared_axes must .*0\.0"),
    ("no axes", lambda w: w.drop(shared_axes=None), TypeError, r"shared_axes must .*None"),
    ("no training", lambda w: dropcore.dropout(w.x, 0.5, rng=w.stream), TypeError, r"training"),
    ("training None", lambda w: w.drop(training=None), TypeError, r"^training must .*None"),
    ("training 1", lambda w: w.drop(training=1), TypeError, r"^training must .*1"),
    ("store", lambda w: w.drop(store="mask"), ValueError, r"^store must .*'mask'"),
    ("store of a layer", lambda w: Dropout(0.5, store=None), ValueError, r"^store must .*None"),
    ("variant", lambda w: w.drop(variant="Standard"), LookupError, r"variant 'Standard'.*standard"),
    ("no name", lambda w: w.drop(variant=5), TypeError, r"^variant must .*5"),
    ("get_variant", lambda w: dropcore.get_variant("none"), LookupError, r"variant 'none'"),
    ("get None", lambda w: dropcore.get_variant(None), TypeError, r"^variant must .*None"),
    (
        "option",
        lambda w: w.drop(axes=1),
        TypeError,
        r"^options of variant 'standard' must be .*not 'axes'",
    ),
    ("option of a layer", lambda w: Dropout(0.5, axes=1), TypeError, r"not 'axes'"),
    ("seed", lambda w: Dropout(0.5, seed=1), TypeError, r"not 'seed': pass the seed as rng"),
    (
        "options and a Variant",
        lambda w: w.drop(variant=dropcore.get_variant("standard"), shared_axes=1),
        TypeError,
        r"Variant.*shared_axes",
    ),
    ("rng", lambda w: w.drop(rng="42"), TypeError, r"^rng must .*'42'"),
    ("rng bool", lambda w: w.drop(rng=True), TypeError, r"^rng must .*True"),
    ("rng negative", lambda w: w.drop(rng=-1), ValueError, r"^rng must .*-1"),
    ("rng float", lambda w: keep_mask(3, 0.5, rng=1.5), TypeError, r"^rng must .*1\.5"),
    ("rng module", lambda w: w.drop(rng=np.random), TypeError, r"^rng must "),
    ("rng of a layer", lambda w: Dropout(0.5, rng=[1]), TypeError, r"^rng must .*\[1\]"),
    ("store, rng", lambda w: Dropout(0.5, rng=w.generator, store=""), ValueError, r"^store must "),
    ("out, rng", lambda w: w.drop(rng=w.generator, out=w.locked), ValueError, r"^out must "),
    ("threads 0", lambda w: dropcore.set_num_threads(0), ValueError, r"^n must .*0"),
    ("threads bool", lambda w: dropcore.set_num_threads(True), TypeError, r"^n must .*True"),
    ("threads float", lambda w: dropcore.set_num_threads(2.0), TypeError, r"^n must .*2\.0"),
]

KEEP = [
    ("length", lambda w: w.keep(-1), ValueError, r"^shape must .*-1"),
    ("float", lambda w: w.keep((2, 2.0)), TypeError, r"^shape must .*2\.0"),
    ("bool", lambda w: w.keep(True), TypeError, r"^shape must .*True"),
    ("str", lambda w: w.keep("5"), TypeError, r"^shape must .*'5'"),
    ("start", lambda w: w.keep(start=-1), ValueError, r"^start must .*-1"),
    ("start bool", lambda w: w.keep(start=False), TypeError, r"^start must .*False"),
    ("start float", lambda w: w.keep(start=1.0), TypeError, r"^start must .*1\.0"),
    ("end", lambda w: w.keep(start=2**63 - 2), OverflowError, r"start.*2\*\*63"),
    ("too large", lambda w: w.keep((2**40, 2**40)), ValueError, r"shape must have fewer"),
    ("2**63", lambda w: w.keep(2**63), ValueError, r"shape must have fewer"),
    ("no array", lambda w: w.keep((2**62, 4, 0)), (OverflowError, ValueError), r"shape"),
    ("no memory", lambda w: w.keep(2**60), MemoryError, r"allocate"),
    ("packed", lambda w: w.keep(packed="yes"), TypeError, r"^packed must .*'yes'"),
    ("values", lambda w: Mask.from_keep([0, 2], 0.5), TypeError, r"^keep must .*2"),
    ("nan", lambda w: Mask.from_keep([float("nan")], 0.5), TypeError, r"^keep must .*nan"),
    ("words", lambda w: Mask.from_keep(["1"], 0.5), TypeError, r"^keep must .*'1'"),
    ("ragged", lambda w: Mask.from_keep([[1], [0, 1]], 0.5), (TypeError, ValueError), r"keep"),
    ("masked", lambda w: Mask.from_keep(np.ma.array([1, 0]), 0.5), TypeError, r"keep must "),
    ("not of shape", lambda w: Mask.from_keep([1, 0], 0.5, shape=(3,)), ValueError, r"^keep must "),
    ("other rank", lambda w: Mask.from_keep([1], 0.5, shape=(3, 1)), ValueError, r"^keep must "),
    ("shape", lambda w: Mask.from_keep([1], 0.5, shape=1), TypeError, r"^shape must .*1"),
    ("no record", lambda w: Mask.from_keep([1], 0.5).record(), TypeError, r"from_keep"),
    ("Mask()", lambda w: Mask(), TypeError, r"Mask comes from"),
]

STREAM = [
    ("seed negative", lambda w: Stream(-1), ValueError, r"^seed must .*-1"),
    ("seed bool", lambda w: Stream(True), TypeError, r"^seed must .*True"),
    ("seed NumPy bool", lambda w: Stream(np.True_), TypeError, r"^seed must .*True"),
    ("seed float", lambda w: Stream(1.0), TypeError, r"^seed must .*1\.0"),
    ("seed str", lambda w: Stream("42"), TypeError, r"^seed must .*'42'"),
    ("path str", lambda w: Stream(1, path="ab"), TypeError, r"^path must .*'ab'"),
    ("path int", lambda w: Stream(1, path=5), TypeError, r"^path must .*5"),
    ("part negative", lambda w: Stream(1, path=("a", -1)), ValueError, r"path part must .*-1"),
    ("part bool", lambda w: w.stream.child(False), TypeError, r"path part must .*False"),
    ("part bytes", lambda w: w.stream.child(b"a"), TypeError, r"path part must .*b'a'"),
    ("part tuple", lambda w: w.stream.child(("a", "b")), TypeError, r"path part must .*'b'"),
    ("part surrogate", lambda w: w.stream.child("\ud800"), ValueError, r"path part .*ud800"),
    ("at 2**64", lambda w: w.stream.at(2**64), OverflowError, r"^index must .*\d{20}"),
    ("at -1", lambda w: w.stream.at(-1), ValueError, r"^index must .*-1"),
    ("at 1.0", lambda w: w.stream.at(1.0), TypeError, r"^index must .*1\.0"),
    ("at True", lambda w: w.stream.at(True), TypeError, r"^index must .*True"),
    ("no draw left", lambda w: w.exhausted().draw(), OverflowError, r"no draw left"),
    (
        "out of draws",
        lambda w: w.drop(w.x.T, rng=w.exhausted(), out=w.out.reshape(3, 2)),
        OverflowError,
        r"no draw left",
    ),
    ("Draw()", lambda w: Draw(), TypeError, r"Draw comes from"),
    ("parse int", lambda w: Draw.parse(5), TypeError, r"^text must .*5"),
    ("parse version", lambda w: Draw.parse(f"dc2:{KEY}:0"), ValueError, r"^text must .*'dc2:"),
    ("parse key", lambda w: Draw.parse("dc1:00:0"), ValueError, r"^text must .*'dc1:00:0'"),
    ("parse no index", lambda w: Draw.parse(f"dc1:{KEY}"), ValueError, r"^text must .*index"),
    ("parse index", lambda w: Draw.parse(f"dc1:{KEY}:{2**64}"), ValueError, r"^text must .*index"),
    ("parse sign", lambda w: Draw.parse(f"dc1:{KEY}:-1"), ValueError, r"^text must .*index"),
    ("parse digits", lambda w: Draw.parse(f"dc1:{KEY}:{'1' * 5000}"), ValueError, r"^text must "),
    ("words", lambda w: w.stream.at(0).words(-1), ValueError, r"^n must .*-1"),
    ("words 2.0", lambda w: w.stream.at(0).words(2.0), TypeError, r"^n must .*2\.0"),
    ("words start", lambda w: w.stream.at(0).words(1, True), TypeError, r"^start must .*True"),
    ("words end", lambda w: w.stream.at(0).words(1, 2**63), OverflowError, r"start \+ n"),
]

SAVED = [
    ("state list", lambda w: Stream.from_state([1]), TypeError, r"^state must .*\[1\]"),
    ("state empty", lambda w: Stream.from_state({}), ValueError, r"^state\['stream_version'\]"),
    ("state version", lambda w: w.new_state(stream_version=2), ValueError, r"stream_version.*2"),
    ("state field", lambda w: w.new_state(colour=1), ValueError, r"^state must .*colour"),
    ("state keys", lambda w: Stream.from_state({**w.state, 3: 4}), ValueError, r"^state must .*3"),
    ("state seed", lambda w: w.new_state(seed=-1), ValueError, r"seed.*-1"),
    ("state no seed", lambda w: w.new_state(seed=None), TypeError, r"seed.*None"),
    ("state hex", lambda w: w.new_state(seed={"bytes": "xy"}), ValueError, r"seed.*'xy'"),
    ("state path", lambda w: w.new_state(path="ab"), TypeError, r"path.*'ab'"),
    ("state position", lambda w: w.new_state(position=-1), ValueError, r"position.*-1"),
    ("state end", lambda w: w.new_state(position=2**64 + 1), ValueError, r"position"),
    ("state float", lambda w: w.new_state(position=1.0), TypeError, r"position.*1\.0"),
    ("state children", lambda w: w.new_state(children={}), TypeError, r"children.*{}"),
    ("state child", lambda w: w.new_state(children=[{"part": 1}]), ValueError, r"children.*part"),
    ("set version", lambda w: w.set_state(stream_version=0), ValueError, r"stream_version.*0"),
    ("set other seed", lambda w: w.set_state(seed=43), ValueError, r"^state must .*43"),
    ("set other path", lambda w: w.set_state(path=["b"]), ValueError, r"^state must .*'b'"),
    ("set child", lambda w: w.set_state(position=0, children=[5]), TypeError, r"children.*5"),
    ("record None", lambda w: Mask.from_record(None), TypeError, r"^record must .*None"),
    ("record version", lambda w: w.new_record(stream_version=2), ValueError, r"stream_version.*2"),
    ("record short", lambda w: Mask.from_record({"stream_version": 1}), ValueError, r"^record "),
    ("record more", lambda w: w.new_record(more=1), ValueError, r"^record must .*more"),
    ("record draw", lambda w: w.new_record(draw="dc1:0"), ValueError, r"dc1:0"),
    ("record draw version", lambda w: w.new_record(draw=f"dc2:{KEY}:0"), ValueError, r"'dc2:"),
    ("record draw int", lambda w: w.new_record(draw=5), TypeError, r"draw.*5"),
    ("record p", lambda w: w.new_record(p="0.5"), TypeError, r"p.* must .*'0\.5'"),
    ("record p of 2", lambda w: w.new_record(p=2), ValueError, r"p.* must .*2"),
    ("record shape", lambda w: w.new_record(shape=[2, -3]), ValueError, r"shape.* must .*-3"),
    ("record length", lambda w: w.new_record(shape=[2.5]), TypeError, r"shape.* must .*2\.5"),
    ("record no shape", lambda w: w.new_record(shape=6), TypeError, r"shape.* must .*6"),
    ("record variant", lambda w: w.new_record(variant=1), TypeError, r"variant.* must .*1"),
    ("record unknown", lambda w: w.new_record(variant="none"), LookupError, r"variant 'none'"),
    ("record options", lambda w: w.new_record(options=[]), TypeError, r"options.* must .*\[\]"),
    ("record option", lambda w: w.new_record(options={"axes": 1}), TypeError, r"not 'axes'"),
    ("record axes", lambda w: w.new_record(options={"shared_axes": 7}), ValueError, r"shared_axes"),
]

LAYER = [
    ("no forward", lambda w: w.layer.backward(w.x), RuntimeError, r"backward needs a call .*mask="),
    (
        "two forwards",
        lambda w: w.used_layer(2).backward(w.x),
        RuntimeError,
        r"mask=.* 2 calls have",
    ),
    ("mask", lambda w: w.used_layer(1).backward(w.x, w.x), TypeError, r"^mask must "),
    ("other mask", lambda w: w.used_layer(1).backward(w.x[0], w.mask), ValueError, r"^dy must "),
    ("dy", lambda w: w.used_layer(1).backward(w.square), ValueError, r"^dy must .*\(3, 3\)"),
]

GROUPS = {
    "p": P,
    "x": X,
    "out": OUT,
    "options": OPTIONS,
    "keep": KEEP,
    "stream": STREAM,
    "saved": SAVED,
    "layer": LAYER,
}
CASES = [
    pytest.param(*row, id=f"{group}: {name}")
    for group, rows in GROUPS.items()
    for name, *row in rows
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_a_bad_call_says_what_was_wrong_and_changes_nothing(call, error, message):
    world = World()
    threads = dropcore.get_num_threads()
    before = world.untouched()
    with pytest.raises(error, match=message):
        call(world)
    assert world.untouched() == before
    assert dropcore.get_num_threads() == threads


class AnyKind(World):
    """A World whose dropout has another variant."""

    def __init__(self, variant):
        super().__init__()
        self.variant = variant

    def drop(self, x=None, p=0.5, **options):
        return super().drop(x, p, variant=self.variant, **options)


@pytest.mark.parametrize("variant", ["alpha", Half(), Noise(), Scaled()], ids=str)
@pytest.mark.parametrize(
    ("call", "error", "message"), [pytest.param(*row, id=name) for name, *row in OUT]
)
def test_no_kind_of_variant_takes_a_draw_for_a_bad_out(variant, call, error, message):
    world = AnyKind(variant)
    before = world.untouched()
    with pytest.raises(error, match=message):
        call(world)
    assert world.untouched() == before


@pytest.mark.parametrize(("good", "axes"), [((1,), (True,)), ((1,), (1.0,)), (1, True), (1, 1.0)])
def test_options_that_equal_good_ones_are_still_refused(good, axes):
    world = World()
    world.drop(shared_axes=good)
    before = world.untouched()
    with pytest.raises(TypeError, match="shared_axes must"):
        world.drop(shared_axes=axes)
    assert world.untouched() == before


OUT_OF_MEMORY = """
import resource
import numpy as np
import dropcore

stream = dropcore.Stream(1)
wide = np.broadcast_to(np.float16(1), 2**26)  # all elements share one; y takes 128 MiB
dropcore.keep_mask(8, 0.5, rng=stream)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**26  # 64 MiB more: enough for bits, not for keep or y
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for call in (
    lambda: dropcore.keep_mask(2**28, 0.5, rng=stream),
    lambda: dropcore.dropout(wide, 0.5, training=True, rng=stream),
):
    try:
        call()
    except MemoryError:
        assert stream.position == 1, stream
    else:
        raise SystemExit("it was to run out of memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory it has")
def test_a_call_that_runs_out_of_memory_takes_no_draw():
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_MEMORY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
