"""The declarations of the compiled interface are those that tools/interface.py generates."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
if not (TOOLS / "write_interface.py").is_file():
    pytest.skip("the tools are not beside the tests", allow_module_level=True)


@pytest.fixture(scope="module")
def writer():
    """`tools/write_interface.py` as a module; its imports lie in the same folder."""
    spec = importlib.util.spec_from_file_location("write_interface", TOOLS / "write_interface.py")
    module = importlib.util.module_from_spec(spec)
    path = [*sys.path]
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
        for name in ("interface", "write_checks", "write_views"):
            sys.modules.pop(name, None)
    return module


def texts(writer):
    return {path: (writer.SOURCE / path).read_text("utf-8") for path in writer.FILES}


def test_no_file_is_stale(writer):
    stale = [path for path, text in texts(writer).items() if writer.written(path, text) != text]
    assert not stale, f"run `make interface`: {', '.join(stale)}"


def test_a_stale_line_is_found(writer):
    path = "_core/api.pxd"
    text = texts(writer)[path]
    changed = text.replace("double p, uint64_t start", "float p, uint64_t start", 1)
    assert changed != text
    assert writer.written(path, changed) == text


def test_lost_marks_are_an_error(writer):
    text = texts(writer)["c_api.pyx"].replace("# end of table\n", "")
    with pytest.raises(ValueError, match=r"c_api.pyx must have the lines .*end of table"):
        writer.written("c_api.pyx", text)


def test_a_new_function_is_one_entry(writer, monkeypatch):
    entry = writer.Function(
        "flip",
        "const uint8_t* bits, uint64_t first, Py_ssize_t n,\nconst element* x, element* y,",
        "New.",
        kernel="flip",
        views="bits, x, y, first=0",
    )
    block = writer.Block("later", (entry,))
    monkeypatch.setattr(writer.interface, "BLOCKS", (*writer.interface.BLOCKS, block))
    found = {path: writer.written(path, text) for path, text in texts(writer).items()}
    for path, text in texts(writer).items():
        # The generated text of these files has only sizes of dtypes, or only shards.
        other = ("_core/api.pyx", "core/shard_views.pxd")
        assert (found[path] == text) == (path in other), path
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        name = f"dropcore_flip_{dtype}"
        bodies = "_core/api_functions.pxi"
        assert all(name in found[path] for path in ("_core/api.pxd", bodies, "c_api.pyx"))
        call = f"kernels.flip[<int> {dtype.upper()}](bits, first, n, x, y)"
        assert call in found[bodies]
        assert name in found["__init__.pxd"]
        assert f"{name}(&bits[0], first, n, &x[0], &y[0])" in found["core/__init__.pxd"]
    # New fields of the C table stand at its end.
    fields = found["dropcore.h"].partition("typedef struct dropcore_api")[2]
    before = texts(writer)["dropcore.h"].partition("typedef struct dropcore_api")[2]
    kept = before.partition("} dropcore_api;")[0]
    assert fields.startswith(kept)
    added = re.findall(r"\S.*", fields.partition("} dropcore_api;")[0][len(kept) :])
    assert added[0] == "DROPCORE_OF_DTYPE_3(float32, float)"
