#!/usr/bin/env bash
# Builds free-threaded CPython from Debian's source package:
#
#   tools/build-free-threaded.sh out/free-threaded
#   tools/build-free-threaded.sh out/threads-python --with-thread-sanitizer
#
# For Debian and similar systems, with the packages that CPython needs: libssl-dev libffi-dev
# zlib1g-dev libbz2-dev liblzma-dev. Apt uses a separate list of sources and installs nothing.
set -euo pipefail
prefix=$(realpath -m "${1:?where to}")
suite=trixie package=python3.13 keys=/usr/share/keyrings/debian-archive-keyring.gpg
# The mirror that apt uses; security updates come from another server.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -v security | sort -u | sed 1q)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work"/{lists,cache/archives}/partial
echo "deb-src [signed-by=$keys] ${mirror:?} $suite main" >"$work/sources.list"
apt=(apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update
cd "$work"
"${apt[@]}" source --download-only --tar-only $package
tar xf $package*.orig.tar.xz
mkdir build
cd build
export TSAN_OPTIONS=report_bugs=0 # the build runs the interpreter; races within it are ignored
../Python-*/configure --quiet --disable-gil --disable-test-modules --prefix="$prefix" "${@:2}"
make --silent -j2 >make.log 2>&1 || { tail -30 make.log; exit 1; }
make --silent install >>make.log 2>&1 || { tail -30 make.log; exit 1; }
"$prefix/bin/python3" -VV
