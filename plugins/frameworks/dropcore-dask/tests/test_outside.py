"""Use with xarray, and with Zarr arrays larger than the memory limit."""

import json
import subprocess
import sys

import dask.array as da
import dropcore_dask
import numpy as np
import pytest
import xarray
import zarr
from helpers import DRAW, same_bits, values

import dropcore


def test_xarray():
    x = values((40, 30, 20))
    lazy = xarray.DataArray(x, dims=("time", "lat", "lon"), name="t", attrs={"unit": "K"}).chunk(
        {"time": 7, "lat": 11}
    )

    def drop(array):
        return dropcore_dask.dropout(array, 0.1, training=True, rng=DRAW, shared_axes=1)[0]

    y = xarray.apply_ufunc(drop, lazy, dask="allowed", keep_attrs=True)
    assert isinstance(y.data, da.Array)
    assert (y.dims, y.chunks, y.attrs) == (lazy.dims, lazy.chunks, lazy.attrs)
    whole, _ = dropcore.dropout(x, 0.1, training=True, rng=DRAW, shared_axes=1)
    assert same_bits(y.compute().values, whole)
    assert same_bits(y.isel(time=slice(5, 9), lon=3).compute().values, whole[5:9, :, 3].copy())


LARGE = """
import json, resource, sys
import dask, dask.array as da, dropcore, dropcore_dask, numpy as np, zarr

where, text = sys.argv[1:]
shape, chunks = (8192, 16384), (1024, 2048)  # 512 MiB, in chunks of 8 MiB
dask.config.set({"scheduler": "threads", "num_workers": 2, "array.chunk-size": "8MiB"})
source = zarr.create_array(
    where + "/x", shape=shape, chunks=chunks, dtype="float32", compressors=None)
da.ones(shape, chunks=chunks, dtype="float32").to_zarr(source)

def data():
    fields = dict(line.split(":") for line in open("/proc/self/status"))
    return int(fields["VmData"].split()[0]) << 10

limit = data() + (160 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.empty(shape, "float32")
except MemoryError:
    refused = True
else:
    refused = False

x = da.from_zarr(where + "/x")
y, mask = dropcore_dask.dropout(x, 0.1, training=True, rng=dropcore.Draw.parse(text))
for name, array in (("y", y), ("dx", mask.backward(x))):
    array.to_zarr(zarr.create_array(
        where + "/" + name, shape=shape, chunks=chunks, dtype="float32", compressors=None))
print(json.dumps([refused, float((y != 0).mean(dtype="float64").compute())]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is one of Linux")
def test_zarr_arrays_larger_than_memory(tmp_path):

    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path), str(DRAW)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    refused, kept = json.loads(done.stdout)
    assert refused  # the memory limit is enforced
    assert abs(kept - 0.9) < 1e-3
    x = np.ones((1500, 1), np.float32)
    y, dx = (zarr.open_array(tmp_path / name, mode="r") for name in ("y", "dx"))
    for rows, column in [
        (slice(0, 1500), 0),
        (slice(6692, 8192), 16383),
        (slice(3000, 4500), 4097),
    ]:
        right, _ = dropcore.dropout(
            x, 0.1, training=True, rng=DRAW, shard=((8192, 16384), (rows.start, column))
        )
        assert same_bits(y[rows, column : column + 1], right)
        assert same_bits(dx[rows, column : column + 1], right)
