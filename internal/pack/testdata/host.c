// Links against the library, and loads it once more by name.
#include <stdio.h>
#include <windows.h>

__declspec(dllimport) extern int told;
__declspec(dllimport) int twice(int n);
__declspec(dllimport) const char *answer(void);

static DWORD WINAPI run(void *unused)
{
	printf("thread %d\n", twice(1));
	return 0;
}

int main(int argc, char **argv)
{
	printf("%s %d %d\n", answer(), twice(3), told);
	HANDLE h = CreateThread(0, 0, run, 0, 0, 0);
	WaitForSingleObject(h, INFINITE);
	printf("told %d, main %d\n", told >= 101, twice(0));
	HMODULE m = LoadLibraryA("library.dll");
	printf("same %d\n", (void *)GetProcAddress(m, "answer") == (void *)answer);
	HMODULE k = GetModuleHandleA("kernel32.dll");
	printf("forwarded %d\n", (void *)GetProcAddress(m, "ticks") == (void *)GetProcAddress(k, "GetTickCount"));
	m = LoadLibraryA(argv[1]);
	if (!m)
		return 1;
	int (*f)(int) = (int (*)(int))GetProcAddress(m, "twice");
	printf("other %d %d\n", f(5), *(int *)GetProcAddress(m, "told"));
	printf("freed %d\n", FreeLibrary(m));
	return 6;
}
