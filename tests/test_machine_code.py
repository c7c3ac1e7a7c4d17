"""What no run can show: the machine code has a fence for non-temporal stores.

Without one another thread may see the end of a call before what was stored. That it does is so rare
that no test meets it.
"""

import re
import shutil
import subprocess
from importlib import import_module

import pytest

from dropcore._core import dispatch

DTYPES = 4
FENCES = DTYPES * len(("forward_plan", "select", "repeat", "tile"))

if "v4" not in dispatch.isas_built() or not shutil.which("objdump"):
    pytest.skip("needs the kernels of x86-64-v4, and objdump", allow_module_level=True)


@pytest.fixture(scope="module")
def code():
    """The instructions of the kernels, as objdump prints them."""
    if "v4" not in dispatch.isas_available():
        pytest.skip("needs a processor that can load the kernels of x86-64-v4")
    path = import_module("dropcore._core._kernels_v4").__file__
    command = ["objdump", "--disassemble", "--no-show-raw-insn", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_each_way_out_of_a_kernel_has_a_fence(code):
    assert len(re.findall(r"\tsfence", code)) >= FENCES


def test_there_are_non_temporal_stores(code):
    assert len(re.findall(r"\tv?movnt", code)) >= FENCES
