// A program that tells how it was loaded: what pack_test.go compares between
// the packed and the plain form.
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static __thread int tls = 42;
static int table[5000] = { 1, 2, 3 };
static char zeros[100000];
static const char *const names[] __attribute__((used)) = { "alpha", "beta", "gamma", "delta", "epsilon", "zeta" };
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

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
extern void _start(void);

static int is_elf(unsigned long address) { return address && !memcmp((void *)address, "\x7f" "ELF", 4); }

// The auxiliary vector as it lies on the stack. Addresses differ from run to
// run: what they point to does not.
static void auxiliary(void)
{
	char **e = environ;
	while (*e)
		e++;
	for (ElfW(auxv_t) *a = (ElfW(auxv_t) *)(e + 1); a->a_type != AT_NULL; a++) {
		unsigned long v = a->a_un.a_val;
		printf("aux %lu ", (unsigned long)a->a_type);
		switch (a->a_type) {
		case AT_PHDR: printf("ours %d\n", v == (unsigned long)&__ehdr_start + __ehdr_start.e_phoff); break;
		case AT_ENTRY: printf("ours %d\n", v == (unsigned long)_start); break;
		case AT_BASE: printf("none %d elf %d\n", !v, is_elf(v)); break;
		case AT_SYSINFO_EHDR: printf("elf %d\n", is_elf(v)); break;
		case AT_EXECFN: case AT_PLATFORM: case 24: printf("%s\n", v ? (char *)v : "none"); break;
		case AT_RANDOM: {
			int sum = 0;
			for (int i = 0; i < 16; i++)
				sum |= ((char *)v)[i];
			printf("random %d\n", sum != 0);
			break;
		}
		default: printf("%lx\n", v);
		}
	}
}

static sigjmp_buf back;
static void caught(int signal) { siglongjmp(back, signal); }

// writable tries to write the byte that is there already.
static int writable(volatile char *p)
{
	signal(SIGSEGV, caught);
	int ok = !sigsetjmp(back, 1);
	if (ok)
		*p = *p;
	signal(SIGSEGV, SIG_DFL);
	return ok;
}

static void *thread(void *unused)
{
	(void)unused;
	tls++;
	return (void *)(intptr_t)tls;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "wait")) { // until someone has read the mappings
		printf("%lx\n", (unsigned long)&__ehdr_start);
		fflush(stdout);
		return getchar() == EOF ? 3 : 4;
	}
	if (argc > 1 && !strcmp(argv[1], "status")) { // before anything else takes memory
		char line[4096];
		FILE *f = fopen("/proc/self/status", "r");
		while (f && fgets(line, sizeof line, f))
			fputs(line, stderr);
		return 3;
	}
	auxiliary();
	struct timespec now = { 0 };
	clock_gettime(CLOCK_REALTIME, &now); // by the vDSO
	printf("clock %d\n", now.tv_sec > 0);
	printf("writable: constants %d, pointers %d, data %d, code %d\n", writable((char *)"text"), writable((char *)names), writable((char *)table),
	       writable((char *)name));
	pthread_t other;
	void *told = 0;
	if (!pthread_create(&other, 0, thread, 0))
		pthread_join(other, &told);
	printf("thread %ld\n", (long)told);
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
	int sum = 0;
	for (int i = 0; i < 100000; i++)
		sum += zeros[i];
	for (int i = 0; i < 5000; i++)
		sum += table[i];
	printf("tls %d sum %d pick %s\n", tls, sum, pick(3));
	char *old = sbrk(64 << 20);
	if (old == (char *)-1)
		printf("no brk\n");
	else
		memset(old + (60 << 20), 1, 4 << 20);
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
