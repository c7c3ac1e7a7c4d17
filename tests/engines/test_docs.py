"""docs/engines.md: the files are built, the examples run, and the page names every function."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path
from sysconfig import get_config_var, get_path

import numpy as np
import pytest
from engines import building, interface

import dropcore

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
BLOCK = re.compile(
    r"(?:\*\*`(?P<file>[^`]+)`\*\*\n\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.S
)

if not PAGE.is_file():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)
TEXT = PAGE.read_text("utf-8")
BLOCKS = [match.groupdict() for match in BLOCK.finditer(TEXT)]
FILES = {block["file"]: block["text"] for block in BLOCKS if block["file"]}
EXAMPLES = [b["text"] for b in BLOCKS if b["language"] == "python" and not b["file"]]

CONSOLE = [block["text"].splitlines() for block in BLOCKS if block["language"] == "console"]
COMMANDS = [[line[2:] for line in lines if line.startswith("$ ")] for lines in CONSOLE]
OUTPUTS = [[line for line in lines if not line.startswith("$ ")] for lines in CONSOLE]


def test_every_block_is_tested():
    assert set(FILES) == {"drop.pyx", "setup.py", "capsule.c", "program.c"}
    assert {b["language"] for b in BLOCKS if not b["file"]} == {"python", "console"}
    assert (len(EXAMPLES), len(COMMANDS)) == (7, 4)


def test_every_call_is_named():
    for name, *_ in interface.declared():
        short = re.sub(r"_(b?float\d+)$", "_*", name)
        assert f"`{short}`" in TEXT, name


@pytest.fixture(scope="module")
def cython_snippet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snippet")
    for name in ("drop.pyx", "setup.py"):
        (folder / name).write_text(FILES[name], "utf-8")
    return building.load(building.build(folder), "drop")


def test_the_cython_module(cython_snippet):
    x = np.ones(1000, np.float32)
    cython_snippet.drop_for_steps(x, 0.25, 42, 3)
    expected = np.ones(1000, np.float32)
    for step in range(3):
        draw = dropcore.Stream(42, ("drop1",)).at(step)
        dropcore.dropout(expected, 0.25, training=True, rng=draw, out=expected)
    np.testing.assert_array_equal(x, expected)


def test_the_c_file(tmp_path):
    source = tmp_path / "capsule.c"
    source.write_text(FILES["capsule.c"], "utf-8")
    command = [building.compiler(), "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{dropcore.get_include()}", "-isystem", get_path("include"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def shell(line, folder):
    """The output of a command of the page, with this Python as `python`."""
    done = subprocess.run(
        f'python() {{ "{sys.executable}" "$@"; }}\n{line}',
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


posix = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")


@posix
def test_the_commands_for_cython(tmp_path):
    pytest.importorskip("Cython")
    building.compiler()
    for name in ("drop.pyx", "setup.py"):
        (tmp_path / name).write_text(FILES[name], "utf-8")
    install, build, call = COMMANDS[0]
    assert install.startswith("python -m pip install")
    shell(build, tmp_path)
    draw = dropcore.Stream(42, ("drop1",)).at(0)
    expected, _ = dropcore.dropout(np.ones(16, np.float32), 0.5, training=True, rng=draw)
    assert shell(call, tmp_path).splitlines() == OUTPUTS[0] == [str(expected)]


@posix
def test_the_command_for_c(tmp_path):
    building.compiler()
    (tmp_path / "capsule.c").write_text(FILES["capsule.c"], "utf-8")
    (command,) = COMMANDS[1]
    shell(command, tmp_path)
    assert (tmp_path / "capsule.o").stat().st_size > 0


@posix
def test_the_program_in_c(tmp_path):
    building.compiler()
    folder = Path(sys.base_prefix, "bin")
    config = folder / "python3-config"
    if not config.exists():
        pytest.skip("python3-config is absent")
    (tmp_path / "program.c").write_text(FILES["program.c"], "utf-8")
    build, call = COMMANDS[2]
    found = f'PATH="{folder}:$PATH"\n'
    shell(found + build, tmp_path)
    # If python3-config names no path of libpython, the loader needs the path.
    library = f'LD_LIBRARY_PATH="{get_config_var("LIBDIR")}"\nexport LD_LIBRARY_PATH\n'
    (printed,) = OUTPUTS[2]
    assert shell(library + call, tmp_path).strip() == printed
    draw = dropcore.Stream(42, ("drop1",)).at(0)
    expected, _ = dropcore.dropout(np.ones(16, np.float32), 0.5, training=True, rng=draw)
    assert [float(number) for number in printed.split()] == expected.tolist()


def test_the_commands_for_rust_are_those_of_the_example():
    readme = (PAGE.parents[1] / "examples" / "rust_table" / "README.md").read_text("utf-8")
    assert all(f"    {command}\n" in readme for command in COMMANDS[3])


def test_an_empty_array_is_left_alone(cython_snippet):
    cython_snippet.drop_for_steps(np.empty(0, np.float32), 0.5, 42, 3)


def test_the_example_of_the_table():
    names = {}
    exec(compile(EXAMPLES[1], str(PAGE), "exec"), names)
    assert interface.Head.from_address(names["table"]).abi == 1


def test_the_examples_of_numpy():
    names = {}
    for block in (EXAMPLES[0], EXAMPLES[6]):
        exec(compile(block, str(PAGE), "exec"), names)
    draw = dropcore.Stream(42, ("encoder", "drop1")).at(57)
    np.testing.assert_array_equal(names["keep"], dropcore.keep_mask((8, 16), 0.1, rng=draw))
    np.testing.assert_array_equal(np.asarray(names["x"]), names["y"])


@pytest.mark.parametrize(
    ("needs", "blocks"), [("ctypes", [2]), ("cffi", [2, 4]), ("numba", [5])], ids=lambda v: str(v)
)
def test_the_examples_by_address(needs, blocks):
    pytest.importorskip(needs)
    names = {}
    for block in blocks:
        exec(compile(EXAMPLES[block], str(PAGE), "exec"), names)
    x = np.ones(1000, np.float32)
    names["drop"](x, 0.25, np.uint64(42) if needs == "numba" else 42, np.uint64(7))
    draw = dropcore.Stream(42).at(7)
    expected, _ = dropcore.dropout(np.ones(1000, np.float32), 0.25, training=True, rng=draw)
    np.testing.assert_array_equal(x, expected)


def test_the_draw_of_python_by_address():
    names = {}
    for block in EXAMPLES[2:4]:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["draw"].tobytes() == dropcore.Stream(42).at(7).key_and_index.tobytes()
    stream = dropcore.Stream(1)
    for index in range(2):  # the next draw of the stream
        draw = names["draw_bytes"](stream)
        assert draw.tobytes() == dropcore.Stream(1).at(index).key_and_index.tobytes()
    with pytest.raises(TypeError, match="rng must be"):
        names["draw_bytes"]("abc")
    cffi = pytest.importorskip("cffi")
    exec(compile(EXAMPLES[4], str(PAGE), "exec"), names)
    draw, x = names["ffi"].from_buffer("dropcore_draw *", names["draw"]), np.ones(100, np.float32)
    y = names["ffi"].from_buffer("float[]", x, require_writable=True)
    names["forward"](draw, 0.25, 0, x.size, y, y, cffi.FFI.NULL)
    expected, _ = dropcore.dropout(
        np.ones(100, np.float32), 0.25, training=True, rng=dropcore.Stream(42).at(7)
    )
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize(
    ("shared", "name", "decisions", "times"),
    [
        ((2, 3), "repeat", 3 * 4, 5 * 6),
        ((1, 2, 3), "repeat", 3, 4 * 5 * 6),
        ((0,), "tile", 4 * 5 * 6, 3),
    ],
)
def test_the_table_of_shapes(shared, name, decisions, times):
    table, plan = interface.Table(), ctypes.byref(interface.Plan(2, 0, 0))
    x = np.arange(3 * 4 * 5 * 6, dtype=np.float32).reshape(3, 4, 5, 6)
    draw, y = dropcore.Stream(1).at(0), np.empty_like(x)
    bits = dropcore.keep_mask(decisions, 0.5, rng=draw, packed=True)
    call = getattr(table, f"{name}_float32")
    call(bits.ctypes.data, 0, decisions, times, plan, x.ctypes.data, y.ctypes.data)
    expected, _ = dropcore.dropout(x, 0.5, training=True, rng=draw, shared_axes=shared)
    np.testing.assert_array_equal(y, expected)


def test_channels_last():
    table, plan = interface.Table(), ctypes.byref(interface.Plan(2, 0, 0))
    x = np.arange(3 * 5 * 6 * 4, dtype=np.float32).reshape(3, 5, 6, 4)
    draw, y = dropcore.Stream(1).at(0), np.empty_like(x)
    bits = dropcore.keep_mask(3 * 4, 0.5, rng=draw, packed=True)
    for n in range(3):
        table.tile_float32(
            bits.ctypes.data, n * 4, 4, 5 * 6, plan, x[n].ctypes.data, y[n].ctypes.data
        )
    expected, _ = dropcore.dropout(x, 0.5, training=True, rng=draw, shared_axes=(1, 2))
    np.testing.assert_array_equal(y, expected)


def test_channels_last_by_a_layout():
    table, plan = interface.Table(), ctypes.byref(interface.Plan(2, 0, 0))
    n, c, h, w = shape = (3, 4, 5, 6)
    x = np.arange(n * h * w * c, dtype=np.float32).reshape(n, h, w, c).transpose(0, 3, 1, 2)
    memory = np.empty((n, h, w, c), np.float32)
    length, stride = np.array(shape, np.intp), np.array((h * w * c, 1, w * c, c), np.intp)
    layout = ctypes.byref(interface.Layout())
    assert table.layout_of(4, length.ctypes.data, stride.ctypes.data, 1 << 2 | 1 << 3, layout)
    assert table.layout_decisions(layout) == n * c
    assert table.layout_scratch(layout) == 0
    draw = dropcore.Stream(1).at(0)
    bits = dropcore.keep_mask(n * c, 0.5, rng=draw, packed=True)
    select = table.select_layout_float32
    select(layout, bits.ctypes.data, plan, x.ctypes.data, memory.ctypes.data, None)
    expected, _ = dropcore.dropout(x, 0.5, training=True, rng=draw, shared_axes=(2, 3))
    np.testing.assert_array_equal(memory.transpose(0, 3, 1, 2), expected)
