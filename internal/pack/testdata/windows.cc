// What a Windows program may rely on, printed: thread-local storage, exceptions
// through frames, static constructors, delayed imports, resources, its own
// headers, protections of its memory. Its exit code is 5.
#include <windows.h>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

static FILE *out = stdout;

struct noisy {
	const char *n;
	~noisy() { fprintf(out, "~%s\n", n); }
};

static int constructed = [] { return 42; }();
thread_local std::string name = "main";
__thread int counter = 7;
static const char *table[] = {"zero", "one", "two"};
static const char **behind = table + 1;
static char zeros[300000];

__attribute__((noinline)) static void deep(int n)
{
	noisy x{"deep"};
	if (!n)
		throw std::runtime_error("thrown");
	deep(n - 1);
}

static void memory()
{
	char *base = (char *)GetModuleHandle(0), *at = base;
	IMAGE_NT_HEADERS *nt = (IMAGE_NT_HEADERS *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
	fprintf(out, "%d sections, subsystem %d, base told %d\n", nt->FileHeader.NumberOfSections, nt->OptionalHeader.Subsystem, (char *)nt->OptionalHeader.ImageBase == base);
	MEMORY_BASIC_INFORMATION m;
	int both = 0;
	while (VirtualQuery(at, &m, sizeof m) && m.AllocationBase == base) {
		both += m.Protect == PAGE_EXECUTE_READWRITE || m.Protect == PAGE_EXECUTE_WRITECOPY;
		at = (char *)m.BaseAddress + m.RegionSize;
	}
	IMAGE_SECTION_HEADER *s = IMAGE_FIRST_SECTION(nt);
	for (int i = 0; i < nt->FileHeader.NumberOfSections; i++, s++) {
		if (s->Characteristics & IMAGE_SCN_MEM_DISCARDABLE)
			continue;
		VirtualQuery(base + s->VirtualAddress, &m, sizeof m);
		DWORD p = m.Protect == PAGE_WRITECOPY ? PAGE_READWRITE : m.Protect;
		fprintf(out, "%.8s %lx\n", s->Name, p);
	}
	fprintf(out, "writable and executable %d\n", both);
	DWORD64 where;
	fprintf(out, "unwind %d\n", RtlLookupFunctionEntry((DWORD64)deep, &where, 0) != 0 && where == (DWORD64)base);
}

static void resources()
{
	const WORD types[] = {3, 14, 16, 24, 10};
	for (int i = 0; i < 5; i++) {
		HRSRC r = FindResource(0, MAKEINTRESOURCE(1), MAKEINTRESOURCE(types[i]));
		unsigned sum = 0, size = r ? SizeofResource(0, r) : 0;
		const unsigned char *b = r ? (const unsigned char *)LockResource(LoadResource(0, r)) : 0;
		for (unsigned k = 0; k < size; k++)
			sum = sum * 31 + b[k];
		fprintf(out, "resource %d: %u %x\n", types[i], size, sum);
	}
}

int main(int argc, char **argv)
{
	if (const char *to = getenv("MINSIZE_OUT"))
		out = fopen(to, "w");
	for (int i = 1; i < argc; i++)
		fprintf(out, "argument %s\n", argv[i]);
	fprintf(out, "%d %s %d\n", constructed, *behind, zeros[argc] + zeros[299999]);
	try {
		noisy y{"outer"};
		deep(3);
	} catch (const std::exception &e) {
		fprintf(out, "caught %s in %s\n", e.what(), name.c_str());
	}
	for (int i = 0; i < 3; i++)
		std::thread([i] {
			name = "other", counter += i;
			try {
				deep(1);
			} catch (...) {
				fprintf(out, "caught in %s %d\n", name.c_str(), counter);
			}
		}).join();
	fprintf(out, "main %d\n", counter);
	DWORD handle;
	fprintf(out, "version %lu\n", GetFileVersionInfoSizeA("none.exe", &handle));
	memory();
	resources();
	fflush(out);
	return 5;
}
