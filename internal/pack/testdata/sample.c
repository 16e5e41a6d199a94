// A program that tells how it was loaded: what pack_test.go compares between
// the packed and the plain form.
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;
static __thread int tls = 42;
static int table[5000] = { 1, 2, 3 };
static char zeros[100000];
static const char *const names[] = { "alpha", "beta", "gamma", "delta", "epsilon", "zeta" };
const char *(*volatile pick)(int);

static const char *name(int i) { return names[i % 6]; }

__attribute__((constructor)) static void early(void) { pick = name; }

static int segments(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	if (!*info->dlpi_name)
		*(int *)data = info->dlpi_phnum;
	return 0;
}

int main(int argc, char **argv)
{
	size_t bytes = 0;
	int vars = 0, phnum = 0;
	for (char **e = environ; *e; e++, vars++)
		bytes += strlen(*e);
	for (int i = 1; i < argc; i++)
		bytes = bytes * 31 + strlen(argv[i]);
	printf("argc %d vars %d bytes %zu\n", argc, vars, bytes);
	printf("phnum %lu phent %lu\n", getauxval(AT_PHNUM), getauxval(AT_PHENT));
	const ElfW(Phdr) *ph = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	for (unsigned i = 0; i < getauxval(AT_PHNUM); i++)
		if (ph[i].p_type == PT_LOAD)
			printf("load %lx %lx %x\n", (long)ph[i].p_vaddr, (long)ph[i].p_memsz, ph[i].p_flags);
	dl_iterate_phdr(segments, &phnum);
	printf("iterated %d\n", phnum);
	printf("execfn %s secure %lu random %d vdso %d base %d\n", (char *)getauxval(AT_EXECFN), getauxval(AT_SECURE),
	       getauxval(AT_RANDOM) != 0, getauxval(AT_SYSINFO_EHDR) != 0, getauxval(AT_BASE) != 0);
	int sum = 0;
	for (int i = 0; i < 100000; i++)
		sum += zeros[i];
	for (int i = 0; i < 5000; i++)
		sum += table[i];
	printf("tls %d sum %d pick %s\n", tls, sum, pick(3));
	char *old = sbrk(1 << 20);
	if (old == (char *)-1)
		printf("no brk\n");
	else
		memset(old, 1, 1 << 20);
	char *big = malloc(3 << 20);
	memset(big, 7, 3 << 20);
	printf("heap %d\n", big[12345]);
	errno = 0;
	if (argc > 1 && !strcmp(argv[1], "maps")) {
		char line[4096];
		FILE *f = fopen("/proc/self/maps", "r");
		while (f && fgets(line, sizeof line, f))
			fputs(line, stderr);
	}
	return sum == 6 ? 3 : 4;
}
