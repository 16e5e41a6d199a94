#!/bin/sh
# build.sh DIR: compile every part of the stub into DIR/<machine>-<part>.bin,
# the first in two: what is plain in the file (boot) and what it decodes.
# The committed blobs come from the compilers that stub_test.go names; its
# TestBlobs rebuilds and compares when the same ones are installed.
set -e
src=$(dirname "$0")
out=$1
flags="-ffreestanding -fno-builtin -fPIE -fno-plt -fno-stack-protector -fno-asynchronous-unwind-tables
	-fno-tree-loop-distribute-patterns -fno-ident -Wall -Wextra -Wno-unused-function -Wno-unused-parameter -Wno-maybe-uninitialized -Werror -std=gnu11"
small="-Oz -fno-tree-vrp -fno-thread-jumps -fno-tree-dominator-opts"
lean="-fno-tree-vectorize -fno-tree-pre -fno-jump-tables -fno-align-functions -fno-align-loops -fno-align-jumps"
x86="gcc -m64 -fcf-protection=none -mno-red-zone"
arm="aarch64-linux-gnu-gcc -mbranch-protection=none -mno-outline-atomics -mcmodel=tiny"
build() { # machine part compiler flags...
	machine=$1 part=$2 source=$3
	shift 3
	case $machine in
	x86_64) cc=$x86 ld=ld objcopy=objcopy ;;
	aarch64) cc=$arm ld=aarch64-linux-gnu-ld objcopy=aarch64-linux-gnu-objcopy ;;
	esac
	command -v ${cc%% *} >/dev/null || { echo "build.sh: ${cc%% *} is missing: $machine left out" >&2; return 0; }
	$cc $flags "$@" -c -o "$out/$machine-$part.o" "$src/$source"
	objects="$out/$machine-$part.o"
	script=stub.ld
	case $part in
	first*)
		$cc $flags $small -c -o "$out/$machine-boot.o" "$src/boot.c"
		script=first.ld
		case $part in *mix*) script="$script --defsym=unit=16" ;; *) script="$script --defsym=unit=4" ;; esac
		objects="$out/$machine-boot.o $objects"
		;;
	esac
	$ld -nostdlib --no-warn-rwx-segments -T $src/$script -o "$out/$machine-$part.elf" $objects
	$objcopy -O binary -j .text "$out/$machine-$part.elf" "$out/$machine-$part.bin"
	case $part in first*) $objcopy -O binary -j .boot "$out/$machine-$part.elf" "$out/$machine-boot${part#first}.bin" ;; esac
	rm -f $objects
	[ -n "$KEEP_ELF" ] || rm -f "$out/$machine-$part.elf"
}
for machine in x86_64 aarch64; do
	build $machine first-lzma first.c -O2 -DTREE_FAST
	build $machine first-xlz first.c -O2 $lean -DXLZ -DTREE_FAST
	build $machine first-xlz-small first.c $small -DXLZ -DSMALL -DTREE_FAST
	build $machine first-lzma-small first.c $small -DSMALL
	build $machine first-mix first.c -O2 -ftree-vectorize -fvect-cost-model=dynamic -DMIX
	build $machine first-mix-small first.c -Oz -DMIX
	build $machine second second.c -Os
	for op in rela ehframe gnuhash; do
		build $machine op-$op op_$op.c -Os
	done
done
build x86_64 op-x86 op_x86.c -Os
build x86_64 windows-lzma windows.c -O2 -DTREE_FAST
build x86_64 windows-lzma-small windows.c $small -DSMALL
build x86_64 windows-xlz windows.c -O2 $lean -DXLZ -DTREE_FAST
build x86_64 windows-xlz-small windows.c $small -DXLZ -DSMALL -DTREE_FAST
build aarch64 op-aarch64 op_aarch64.c -Os
