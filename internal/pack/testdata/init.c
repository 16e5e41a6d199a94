// The first process of a kernel under test. It runs the lines of /list, one
// after another, and prints for each its number, exit status, and the sizes
// and bytes of what it wrote; then it switches the machine off.
//
//	proc           mount /proc from here on
//	V=N WORD...    run the words with N variables of environment
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void copy(int fd, long size)
{
	char buf[4096];
	lseek(fd, 0, SEEK_SET);
	for (long n; size > 0 && (n = read(fd, buf, sizeof buf)) > 0; size -= n)
		fwrite(buf, 1, n, stdout);
}

static int run(char **argv, int variables)
{
	char **env = calloc(variables + 1, sizeof *env);
	for (int i = 0; i < variables; i++) {
		env[i] = malloc(300);
		snprintf(env[i], 300, "V%d=%0*d", i, i % 200, 0);
	}
	int files[2], status = -1;
	for (int i = 0; i < 2; i++)
		files[i] = open("/output", O_RDWR | O_CREAT | O_TRUNC, 0600), unlink("/output");
	pid_t pid = fork();
	if (!pid) {
		dup2(files[0], 1);
		dup2(files[1], 2);
		execve(argv[0], argv, env);
		perror(argv[0]);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	long sizes[2];
	for (int i = 0; i < 2; i++)
		sizes[i] = lseek(files[i], 0, SEEK_END);
	printf("\n@@ %d %ld %ld\n", status, sizes[0], sizes[1]);
	for (int i = 0; i < 2; i++) {
		copy(files[i], sizes[i]);
		close(files[i]);
	}
	return status;
}

int main(void)
{
	mkdir("/proc", 0755);
	struct utsname name;
	uname(&name);
	printf("\n@@ kernel %s page %ld\n", name.release, sysconf(_SC_PAGESIZE));
	FILE *list = fopen("/list", "r");
	static char line[65536];
	while (list && fgets(line, sizeof line, list)) {
		char *argv[500];
		int n = 0;
		for (char *word = strtok(line, " \n"); word && n < 499; word = strtok(0, " \n"))
			argv[n++] = word;
		argv[n] = 0;
		if (n == 1 && !strcmp(argv[0], "proc"))
			mount("proc", "/proc", "proc", 0, 0);
		else if (n > 1 && !strncmp(argv[0], "V=", 2))
			run(argv + 1, atoi(argv[0] + 2));
	}
	printf("\n@@ end\n");
	fflush(stdout);
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
