"""A compiled module with another version of dropcore works, or an ImportError says what to do."""

import re
import subprocess
import sys

import pytest
from engines import building, interface

import dropcore

PREPARE = """
import ctypes, sys, types
import dropcore

new = ctypes.pythonapi.PyCapsule_New
new.argtypes, new.restype = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p], ctypes.py_object
get = ctypes.pythonapi.PyCapsule_GetPointer
get.argtypes, get.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
name = ctypes.pythonapi.PyCapsule_GetName
name.argtypes, name.restype = [ctypes.py_object], ctypes.c_char_p

real = get(dropcore._C_API, b"dropcore._C_API")
size = ctypes.c_uint32.from_address(real + 4).value
memory = ctypes.create_string_buffer(ctypes.string_at(real, size) + bytes(64))
head = (ctypes.c_uint32 * 4).from_buffer(memory)
capi = dropcore._core.api.__pyx_capi__


def install(capsule_name=b"dropcore._C_API"):
    fake = types.ModuleType("dropcore")
    fake._C_API = new(ctypes.addressof(memory), capsule_name, None)
    sys.modules["dropcore"] = fake
"""


def outcome(folder, change, then):
    """The outcome of importing a module in a process in which dropcore was changed before."""
    code = PREPARE + change + f"\nimport {then}; print('imported')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


# ------------------------------------------------------------------- through C


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("head[0] = 2; install()", r"ImportError: .*ABI 1 .* has ABI 2 .*build this module again"),
        ("head[0] = 0; install()", r"ImportError: .*ABI 1 .* has ABI 0 .*install a newer dropcore"),
        ("head[1] -= 8; install()", r"ImportError: .*ABI 1 with \d+ bytes: .*a newer dropcore"),
        ("install(b'other')", r"ImportError: .*no C interface"),
        ("sys.modules['dropcore'] = types.ModuleType('dropcore')", r"ImportError: .*no C interf"),
        ("sys.modules['dropcore'] = None", r"ImportError|ModuleNotFoundError"),
        ("head[1] += 64; install()", r"imported"),
        ("head[2] = 2; install()", r"imported"),
    ],
    ids=["newer", "older", "shorter", "name", "no-table", "absent", "longer", "stream-version"],
)
def test_a_table_that_c_meets(c_capsule, change, says):
    assert re.match(says, outcome(c_capsule, change, "inplace"))


SYNTAX = """
#include "dropcore/dropcore.h"
int use(const dropcore_draw *draw, const float *x, float *y);
int use(const dropcore_draw *draw, const float *x, float *y)
{
    const dropcore_api *dropcore = dropcore_import();
    if (dropcore == NULL)
        return -1;
    dropcore->forward_float32(draw, 0.1, 0, 4, x, y, NULL);
    return 0;
}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the options are those of GCC and Clang")
@pytest.mark.parametrize(
    ("variable", "name", "standard"),
    [("CC", "use.c", "c99"), ("CC", "use.c", "c17"), ("CXX", "use.cpp", "c++11")],
)
def test_the_header_is_clean(tmp_path, variable, name, standard):
    from sysconfig import get_path

    source = tmp_path / name
    source.write_text(SYNTAX, "ascii")
    command = [building.compiler(variable), f"-std={standard}", "-fsyntax-only", "-Wall"]
    command += ["-Wextra", "-Werror", "-isystem", get_path("include")]
    done = subprocess.run(
        [*command, f"-I{dropcore.get_include()}", str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- through Cython


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("del capi['dropcore_set_index']", r"ImportError: .*dropcore_set_index"),
        (
            "capi['dropcore_set_index'] = new(real, b'void (int)', None)",
            r"TypeError: .*_set_index has wrong signature \(expected .*, got void \(int\)\)",
        ),
        ("capi['dropcore_new'] = new(real, b'void (int)', None)", r"imported"),
    ],
    ids=["missing", "signature", "more"],
)
def test_functions_that_cython_meets(cython_engine, change, says):
    assert re.match(says, outcome(cython_engine, change, "network"))


def test_cython_declares_what_is_exported():
    text = interface.HEADER.with_name("__init__.pxd").read_text("ascii")
    names = set(re.findall(r"\bdropcore_\w+", text))
    types = {"dropcore_draw", "dropcore_layout", "dropcore_path", "dropcore_plan"}
    types.add("dropcore_shard")
    assert names - types == set(dropcore.__pyx_capi__)


# ----------------------------------------------------------------- through numba


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "other = ctypes.CFUNCTYPE(ctypes.c_uint32)(lambda: 2)\n"
            "pointer = ctypes.cast(other, ctypes.c_void_p).value\n"
            "capi['dropcore_abi'] = new(pointer, b'uint32_t (void)', None)",
            r"ImportError: .*ABI 1; the installed one",
        ),
        ("del capi['dropcore_set_index']", r"ValueError: .*dropcore_set_index"),
        ("", r"imported"),
    ],
    ids=["abi", "missing", "same"],
)
def test_functions_that_numba_meets(numba_njit, change, says):
    of_numba = "capi = dropcore.__pyx_capi__\n"
    assert re.match(says, outcome(numba_njit, of_numba + change, "sampling"))
