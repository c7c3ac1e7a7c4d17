#!/usr/bin/env bash
# For each given Python: builds a wheel from the sdist of the last commit, installs it into a new
# environment, and runs the tests of the sdist there.
#
#   tools/check-pythons.sh python3.11 python3.13
#
# Test requirements without a wheel for a Python are not installed. The script leaves out the tests
# that need these requirements, and prints their names.
set -euo pipefail
export PIP_PREFER_BINARY=1
repository=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip() { "$1" -m pip --disable-pip-version-check --quiet "${@:2}"; }

python3 -m venv "$work/build"
pip "$work/build/bin/python" install build
git clone --quiet "$repository" "$work/clone"
"$work/build/bin/python" -m build --sdist --outdir "$work" "$work/clone" >"$work/sdist.log"
mkdir "$work/source"
tar xf "$work"/dropcore-*.tar.gz -C "$work/source" --strip-components=1

for python in "$@"; do
    "$python" -c '' 2>/dev/null || { echo "== $python is not installed"; continue; }
    echo "== $("$python" -VV)"
    environment=$work/environment
    rm -rf "$environment" "$work/wheel"
    "$python" -m venv "$environment"
    python=$environment/bin/python
    pip "$python" wheel --no-deps --wheel-dir "$work/wheel" "$work"/dropcore-*.tar.gz
    pip "$python" install "$work"/wheel/dropcore-*.whl
    left_out=()
    for requirement in 'pytest>=8' hypothesis 'setuptools>=77' 'Cython>=3.2,!=3.3.0' scipy \
        ml_dtypes randomgen; do
        pip "$python" install --only-binary :all: "$requirement" 2>/dev/null ||
            left_out+=("$requirement")
    done
    echo "without: ${left_out[*]:-nothing}"
    ignored=()
    for requirement in "${left_out[@]}"; do
        while read -r file; do ignored+=("--ignore=$file"); done < <(
            cd "$work/source" && grep -rlE "^(import|from) $requirement\b" tests --include='*.py')
    done
    [ ${#ignored[@]} = 0 ] || printf '%s\n' "${ignored[@]}"
    (cd "$work/source" && "$python" -m pytest -p no:cacheprovider -m 'not large' "${ignored[@]}")
done
