#!/bin/sh
# Builds an example whose .cargo/config.toml asks for build-std, with whatever
# toolchain on this machine has the standard library's sources, and without a
# registry when the sources come with their vendored crates.
#
# usage: examples/build-std.sh build-std|immediate-abort [cargo's arguments]
set -eu
cd "$(dirname "$0")/$1"
shift

for candidate in "${CARGO:-cargo}" /usr/bin/cargo; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    case $candidate in
        /usr/bin/cargo) rustc=/usr/bin/rustc ;;
        *) rustc=rustc ;;
    esac
    library=$("$rustc" --print sysroot)/lib/rustlib/src/rust/library
    [ -e "$library/Cargo.lock" ] && break
    library=
done
if [ -z "${library:-}" ]; then
    echo "build-std.sh: no std sources: rustup component add rust-src, or apt-get install rust-web-src" >&2
    exit 1
fi

host=$("$rustc" -vV | sed -n 's/^host: //p')
set -- build --release --target "$host" "$@"
if [ -d "$library/vendor" ]; then
    set -- "$@" --config 'source.crates-io.replace-with="std-vendored"' \
        --config "source.std-vendored.directory=\"$library/vendor\""
fi
RUSTC_BOOTSTRAP=1 RUSTC=$rustc exec "$candidate" "$@"
