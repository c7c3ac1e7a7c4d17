"""The function's path for a PyTorch without exchange of C structs: Python reads the tensors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
EXCHANGE = "__dlpack_c_exchange_api__"


@pytest.mark.skipif(not hasattr(torch.Tensor, EXCHANGE), reason="this is how all of it ran")
def test_without_pytorch_s_exchange():
    """The same tests as for an older PyTorch: Python reads the properties of the tensors."""
    code = (
        f"import sys, pytest, torch; delattr(torch.Tensor, {EXCHANGE!r}); "
        f"sys.exit(pytest.main(sys.argv[1:]))"
    )
    files = [str(HERE / f"test_{name}.py") for name in ("runs", "functional", "autograd")]
    done = subprocess.run(
        [sys.executable, "-c", code, "-q", "-p", "no:cacheprovider", "-k", "not node", *files],
        cwd=HERE.parent,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
