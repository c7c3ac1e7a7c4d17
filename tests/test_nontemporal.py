"""The size from which kernels use non-temporal stores, and that these stores change no bit."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dropcore
from dropcore import cli
from dropcore._core import dispatch, nontemporal
from dropcore._core.nontemporal import LARGEST_OF_A_COMPLEX, MESH, MIB, NEVER, default_from

ml_dtypes = pytest.importorskip("ml_dtypes")
DTYPES = tuple(map(np.dtype, ("float32", "float64", "float16", ml_dtypes.bfloat16)))


# ------------------------------------------------------------------- the rule

CACHES = [*(k * MIB for k in (1, 2, 8, 16, 30, 32, 36, 60, 64, 96, 105, 128, 129, 300, 1152))]


@pytest.mark.parametrize("amd", [False, True])
@pytest.mark.parametrize("cache", CACHES)
def test_the_default_is_at_most_three_quarters_of_the_cache(cache, amd):
    most = cache // 4 * 3
    first = default_from(cache, amd)
    assert first == (most if amd and cache <= LARGEST_OF_A_COMPLEX else min(most, MESH))


@pytest.mark.parametrize("amd", [False, True])
def test_a_cache_of_unknown_size_is_never_passed(amd):
    assert default_from(0, amd) == NEVER


@pytest.mark.parametrize(
    ("cache", "amd", "mebibytes"),
    [
        (32, True, 24),  # EPYC, a complex
        (96, True, 72),  # EPYC with stacked cache
        (256, True, 32),  # EPYC, a virtual machine that adds up the caches of complexes
        (30, False, 22.5),  # Core
        (300, False, 32),  # Xeon, the whole socket
    ],
)
def test_known_processors(cache, amd, mebibytes):
    assert default_from(cache * MIB, amd) == mebibytes * MIB


# ---------------------------------------------------------------- the setting


def run(code, setting, isa=dispatch.isa):
    env = os.environ | {"DROPCORE_ISA": isa, "PYTHONPATH": str(Path(__file__).parent)}
    env.pop("DROPCORE_NONTEMPORAL", None)
    if setting is not None:
        env["DROPCORE_NONTEMPORAL"] = setting
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120
    )


FROM = "from dropcore._core import nontemporal as n; print(n.get_nontemporal_from())"


@pytest.mark.skipif(not dispatch.has_nontemporal, reason="no non-temporal stores here")
@pytest.mark.parametrize(
    ("setting", "printed"), [("always", "0"), ("never", "None"), ("12345", "12345"), ("0", "0")]
)
def test_the_environment_decides(setting, printed):
    done = run(FROM, setting)
    assert (done.stdout.strip(), done.stderr) == (printed, "")


def test_unset_and_empty_are_the_default():
    assert run(FROM, None).stdout == run(FROM, "").stdout == run(FROM, " ").stdout


@pytest.mark.parametrize("setting", ["-1", "32M", "sometimes", "1.5", "9" * 19])
def test_another_setting_is_an_error(setting):
    done = run("import dropcore", setting)
    assert done.returncode == 1
    assert (
        "ValueError: DROPCORE_NONTEMPORAL must be always, never or a number of bytes, not "
        f"{setting!r}"
    ) in done.stderr


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (1 << 25, "from 33554432 bytes of input and output together (float32, one thread)"),
        (NEVER, "never"),
    ],
)
def test_info_says_it(first, said, capsys):
    before = nontemporal.set_nontemporal_from(first)
    try:
        cli.main(["info"])
    finally:
        nontemporal.set_nontemporal_from(before)
    assert f"non-temporal stores: {said}\n" in capsys.readouterr().out


# ------------------------------------------------------------------- the bits


def digest():
    """Results that begin and end anywhere in a cache line, and consist of all bit patterns."""
    found = hashlib.sha256()
    random = np.random.default_rng(0)
    for dtype in DTYPES:
        size = dtype.itemsize
        for n in (1, 31, 33, 64, 127, 1000, 4099):
            memory = random.integers(0, 256, (n + 64) * size, np.uint8)
            y = np.empty(n + 64, dtype)
            for at in (0, 1, 2, 3, 5, 16, 31):
                for p in (0.1, 0.5):
                    x = memory[(64 - at) * size :][: n * size].view(dtype)
                    _, mask = dropcore.dropout(
                        x, p, training=True, rng=dropcore.Stream(1).at(n), out=y[at : at + n]
                    )
                    found.update(y[at : at + n].tobytes())
                    mask.backward(x, out=y[at : at + n])
                    found.update(y[at : at + n].tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("setting", ["always", "never"])
@pytest.mark.parametrize("isa", dispatch.isas_available())
def test_no_bit_changes(isa, setting):
    done = run("import test_nontemporal as t; print(t.digest())", setting, isa)
    assert (done.stdout.strip(), done.stderr) == (digest(), "")
