#!/bin/sh
# Fetches minsize for this system, checks it against the release's SHA256SUMS,
# and unpacks it into a folder.
#
#   sh install.sh [--prefix DIR] [--from URL]
#
# DIR is ~/.local where nothing is said; URL is a folder with a release's files,
# the newest release where nothing is said. Nothing is asked and nothing needs
# root; `rm` of what is printed takes minsize away again.
set -eu

say() { printf 'install: %s\n' "$*" >&2; }
fail() {
    say "$1"
    [ -z "${2:-}" ] || printf '  try: %s\n' "$2" >&2
    exit 1
}

prefix=${HOME:-}/.local
from=https://github.com/minsize/minsize/releases/latest/download
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=${2:?--prefix needs a folder}; shift 2 ;;
        --from) from=${2:?--from needs an address}; shift 2 ;;
        -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "unexpected argument $1" "sh install.sh --help" ;;
    esac
done

case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "no archive for $(uname -s)" "Windows has a .zip; elsewhere go install ./cmd/... in a checkout" ;;
esac
case $(uname -m) in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    riscv64) arch=riscv64 ;;
    *) fail "no archive for $(uname -m)" "go install ./cmd/... in a checkout" ;;
esac

if command -v curl >/dev/null 2>&1; then
    fetch() { curl -fsSL -o "$2" "$1"; }
elif command -v wget >/dev/null 2>&1; then
    fetch() { wget -q -O "$2" "$1"; }
else
    fail "neither curl nor wget is here" "install one of them"
fi
if command -v sha256sum >/dev/null 2>&1; then
    check() { sha256sum -c "$1" >/dev/null 2>&1; }
elif command -v shasum >/dev/null 2>&1; then
    check() { shasum -a 256 -c "$1" >/dev/null 2>&1; }
else
    fail "neither sha256sum nor shasum is here" "install one of them"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

fetch "$from/SHA256SUMS" SHA256SUMS || fail "$from/SHA256SUMS cannot be fetched" "look at the address in a browser"
grep " minsize-[^/ ]*-$os-$arch\.tar\.gz\$" SHA256SUMS >wanted || fail "the release has no archive for $os $arch" "--from an older release"
[ "$(wc -l <wanted)" -eq 1 ] || fail "SHA256SUMS names more than one archive for $os $arch"
archive=$(sed 's/^[^ ]*  //' wanted)
fetch "$from/$archive" "$archive" || fail "$from/$archive cannot be fetched" "the same again"
check wanted || fail "$archive is not what SHA256SUMS says: nothing was installed" "the same again; if it stays so, tell the project"

mkdir unpacked
tar -xzf "$archive" -C unpacked
folder=unpacked/${archive%.tar.gz}
"$folder/minsize" version >/dev/null || fail "the program does not run here"

put() { # FILE FOLDER [NAME]: beside the old one, then in its place
    mkdir -p "$2"
    cp -P "$1" "$2/.minsize-new"
    mv -f "$2/.minsize-new" "$2/${3:-$(basename "$1")}"
}
put "$folder/minsize" "$prefix/bin"
for other in "$folder"/*-minsize "$folder"/minsize-*; do
    [ ! -e "$other" ] || put "$other" "$prefix/bin"
done
for page in "$folder"/man/man1/*.1; do
    put "$page" "$prefix/share/man/man1"
done
put "$folder/completions/minsize.bash" "$prefix/share/bash-completion/completions" minsize
put "$folder/completions/_minsize" "$prefix/share/zsh/site-functions"
put "$folder/completions/minsize.fish" "$prefix/share/fish/vendor_completions.d"
put "$folder/LICENSE" "$prefix/share/doc/minsize"
put "$folder/THIRD-PARTY.txt" "$prefix/share/doc/minsize"

"$prefix/bin/minsize" version
case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) say "$prefix/bin is not on PATH" ;;
esac
