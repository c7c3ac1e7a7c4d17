"""The machine code has a fence after non-temporal stores, which no run of a test can show.

Without a fence, another thread may see that a call has ended before it sees the stored elements.
This is so rare that a test would not meet it.
"""

import platform
import re
import shutil
import subprocess
from importlib import import_module

import pytest

from dropcore._core import dispatch

DTYPES = 4
KERNELS = ("forward_plan", "forward_shard", "select", "repeat", "tile")

X86 = platform.machine() in ("x86_64", "AMD64") and "v3" in dispatch.isas_built()
if not X86 or not shutil.which("objdump"):
    pytest.skip("needs kernels that have non-temporal stores, and objdump", allow_module_level=True)


@pytest.fixture(scope="module", params=dispatch.isas_available())
def code(request):
    """The instructions of the kernels, as objdump prints them."""
    path = import_module(f"dropcore._core._kernels_{request.param}").__file__
    command = ["objdump", "--disassemble", "--no-show-raw-insn", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_with_non_temporal_stores_has_a_fence(code, kernel):
    bodies = re.findall(rf"_kernels_(?:baseline|v\d)_{kernel}>:\n(.*?)(?:\n\n|\Z)", code, re.DOTALL)
    assert len(bodies) == DTYPES
    for body in bodies:
        assert "\tsfence" in body


def test_there_are_non_temporal_stores(code):
    assert len(re.findall(r"\tv?movnt", code)) >= DTYPES * len(KERNELS)
