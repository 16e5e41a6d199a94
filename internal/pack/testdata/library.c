// A library: functions by name and number, data, thread-local storage, an
// entry point that is told of threads.
#include <windows.h>

__declspec(dllexport) int told = 0;
static __thread int mine = 20;
static const char *names[] = {"no", "yes"};
static const char **last = names + 1;
static char zeros[40000];

__declspec(dllexport) int twice(int n) { return mine += 2 * n + zeros[n]; }
__declspec(dllexport) const char *answer(void) { return *last; }

BOOL WINAPI DllMain(HINSTANCE h, DWORD reason, LPVOID reserved)
{
	if (reason == DLL_PROCESS_ATTACH)
		told += 1;
	if (reason == DLL_THREAD_ATTACH)
		told += 100;
	return TRUE;
}
