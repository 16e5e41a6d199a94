// Runs a program under a restriction, as service managers and sandboxes do:
//
//	guard mdwe PROGRAM...           written memory never becomes executable (PR_SET_MDWE, Linux 6.3)
//	guard wx PROGRAM...             the same by a filter, as systemd's MemoryDenyWriteExecute=
//	guard allow=N,N,... PROGRAM...  these system calls; every other one kills
//
// Exit status 77: the kernel cannot.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter filter[1000];
static int n;

static void put(int code, int jt, int jf, unsigned k)
{
	filter[n++] = (struct sock_filter){ code, jt, jf, k };
}

#define LOAD(field) put(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, field))
#define IF(value, yes, no) put(BPF_JMP | BPF_JEQ | BPF_K, yes, no, value)
#define IF_ANY(bits, yes, no) put(BPF_JMP | BPF_JSET | BPF_K, yes, no, bits)
#define ANSWER(action) put(BPF_RET | BPF_K, 0, 0, action)

enum { WRITE = 2, EXEC = 4 };

// An anonymous or file mapping that is writable and executable at once, and
// mprotect to executable, fail with EPERM.
static void deny_write_execute(void)
{
	LOAD(nr);
	IF(__NR_mmap, 0, 5);
	LOAD(args[2]);
	IF_ANY(WRITE, 0, 2);
	IF_ANY(EXEC, 0, 1);
	ANSWER(SECCOMP_RET_ERRNO | EPERM);
	ANSWER(SECCOMP_RET_ALLOW);
	IF(__NR_mprotect, 0, 3);
	LOAD(args[2]);
	IF_ANY(EXEC, 0, 1);
	ANSWER(SECCOMP_RET_ERRNO | EPERM);
	ANSWER(SECCOMP_RET_ALLOW);
}

static void allow(char *list)
{
	LOAD(nr);
	for (char *word = strtok(list, ","); word && n < 900; word = strtok(0, ",")) {
		IF(atoi(word), 0, 1);
		ANSWER(SECCOMP_RET_ALLOW);
	}
	ANSWER(SECCOMP_RET_KILL);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "mdwe")) {
		if (prctl(65, 1, 0, 0, 0))
			return 77;
	} else {
		if (!strcmp(argv[1], "wx"))
			deny_write_execute();
		else if (!strncmp(argv[1], "allow=", 6))
			allow(argv[1] + 6);
		else
			return 2;
		struct sock_fprog program = { n, filter };
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
			return 77;
	}
	execv(argv[2], argv + 2);
	perror("exec");
	return 78;
}
