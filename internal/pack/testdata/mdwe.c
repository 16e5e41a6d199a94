// Runs a program where written memory can never become executable
// (PR_SET_MDWE, Linux 6.3), as hardened services do.
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2 || prctl(65, 1, 0, 0, 0))
		return 77;
	execv(argv[1], argv + 1);
	perror("exec");
	return 78;
}
