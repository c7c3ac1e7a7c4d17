#!/usr/bin/env bash
# Runs the tests on another processor by emulation: `tools/check-foreign.sh arm64|s390x|riscv64|...`
#
# Cross-compiles the working tree for a small Debian of the other architecture, and runs TESTS in this
# Debian under qemu. The Debian is made once, below ~/.cache/dropcore-foreign, because Meson wants it
# outside of the source. The script must run as root, on Debian, with these packages:
#
#   debootstrap qemu-user-static, gcc- and g++- for the architecture (gcc-s390x-linux-gnu ...)
#
# It also needs binfmt_misc, so that the tests can start processes.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:?an architecture of Debian}
TESTS=${TESTS:-tests/test_functional.py tests/test_stream.py tests/test_mask.py tests/test_many_threads.py}
case $arch in
    arm64) # without pointer authentication, whose emulation takes most of the time
        cpu=aarch64 endian=little triplet=aarch64-linux-gnu
        export QEMU_CPU=cortex-a57 ;;
    s390x) cpu=s390x endian=big triplet=s390x-linux-gnu ;;
    riscv64) cpu=riscv64 endian=little triplet=riscv64-linux-gnu ;;
    armhf) cpu=arm endian=little triplet=arm-linux-gnueabihf ;;
    *) echo "$0: $arch is not among arm64, s390x, riscv64, armhf" >&2; exit 2 ;;
esac
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dropcore-foreign
work=$cache/$arch
root=$work/root
numpy=$root/usr/lib/$triplet/python3-numpy/numpy/_core/include
mkdir -p "$work"

# binfmt_misc: with the flag F Linux opens the emulator now, so the emulator also works in the new root.
registry=/proc/sys/fs/binfmt_misc
[ -e $registry/register ] || mount -t binfmt_misc none $registry
[ -e $registry/qemu-$cpu ] || cat /usr/lib/binfmt.d/qemu-$cpu.conf >$registry/register

if [ ! -e "$work/root.stamp" ]; then
    rm -rf "$root"
    debootstrap --variant=minbase --arch="$arch" \
        --include=python3-dev,python3-numpy,python3-pytest,python3-hypothesis,python3-pluggy \
        trixie "$root"
    touch "$work/root.stamp"
fi
version=$(basename "$root"/usr/include/python3.*)

# The target's Python, with paths of this machine: Meson asks it for the paths of the headers.
cat >"$work/python" <<END
#!/bin/sh
libraries=$root/usr/lib/$triplet
export QEMU_LD_PREFIX=$root PYTHONHOME=$root/usr
exec qemu-$cpu-static -E LD_LIBRARY_PATH=\$libraries/blas:\$libraries/lapack $root/usr/bin/python3 "\$@"
END
chmod +x "$work/python"

tools=$cache/tools
if [ ! -x $tools/bin/cython ]; then
    ${PYTHON:-python3} -m venv $tools
    $tools/bin/python -m pip --disable-pip-version-check --quiet install \
        --constraint constraints.txt Cython 'meson>=1.4' ninja numpy
fi
cat >"$work/cross.ini" <<END
[binaries]
c = '$triplet-gcc'
cython = '$tools/bin/cython'
python = '$work/python'
[built-in options]
c_args = ['-idirafter', '$root/usr/include']
[properties]
numpy-include-dir = '$numpy'
[host_machine]
system = 'linux'
cpu_family = '$cpu'
cpu = '$cpu'
endian = '$endian'
END
packages=/usr/lib/python3/dist-packages
PATH=$tools/bin:$PATH
rm -rf "$work/build" "$root$packages"/dropcore*
meson setup "$work/build" --cross-file "$work/cross.ini" --buildtype=release --prefix=/usr \
    -Dpython.purelibdir=$packages -Dpython.platlibdir=$packages >"$work/setup.log" ||
    { tail "$work/setup.log"; exit 1; }
ninja -C "$work/build" -j2 >"$work/build.log" || { tail "$work/build.log"; exit 1; }
DESTDIR=$root meson install -C "$work/build" --quiet
release=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
mkdir "$root$packages/dropcore-$release.dist-info"
printf 'Metadata-Version: 2.1\nName: dropcore\nVersion: %s\n' "$release" \
    >"$root$packages/dropcore-$release.dist-info/METADATA"

# Debian has no package of ml_dtypes, and most of these architectures have no wheel.
if [ ! -e "$root$packages/ml_dtypes" ]; then
    $tools/bin/python -m pip --disable-pip-version-check --quiet download --no-deps \
        --no-binary ml_dtypes --dest "$work" ml_dtypes==0.5.4
    tar xf "$work"/ml_dtypes-*.tar.gz -C "$work"
    source=$(echo "$work"/ml_dtypes-*/)
    suffix=$("$work/python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
    $triplet-g++ -std=c++17 -O1 -shared -fPIC -DEIGEN_MPL2_ONLY -DNPY_TARGET_VERSION=NPY_1_23_API_VERSION \
        -I"$source" -I"$source/third_party/eigen" \
        -idirafter "$root/usr/include/$version" -idirafter "$root/usr/include" -idirafter "$numpy" \
        "$source"/ml_dtypes/_src/*.cc -o "$source/ml_dtypes/_ml_dtypes_ext$suffix"
    cp -r "$source/ml_dtypes" "$root$packages/"
fi

rm -rf "$root/dropcore"
mkdir "$root/dropcore"
cp -r pyproject.toml tests "$root/dropcore/"
mountpoint -q "$root/proc" || mount -t proc none "$root/proc"
trap 'umount "$root/proc"' EXIT
chroot "$root" /bin/sh -c "cd /dropcore && python3 -c 'import platform, sys; print(platform.machine(), sys.byteorder)' &&
    python3 -m pytest -q -p no:cacheprovider -m 'not large' $TESTS"
