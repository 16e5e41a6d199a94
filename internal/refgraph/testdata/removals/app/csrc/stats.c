#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"mean", "median", "spread", "largest", "smallest"};
static double weights[256] = {1, .5, .25, .125};

static int order(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

double stats_mean(const double *list, size_t n) {
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += list[i] * (1 + weights[i & 255]);
	return n ? sum / (double)n : 0;
}

double stats_median(double *list, size_t n) {
	qsort(list, n, sizeof *list, order);
	return n ? list[n / 2] : 0;
}

int stats_text(const double *list, size_t n, char *out, size_t room) {
	double *copy = malloc(n * sizeof *copy), values[5];
	if (!copy)
		return -1;
	memcpy(copy, list, n * sizeof *copy);
	values[0] = stats_mean(list, n);
	values[1] = stats_median(copy, n);
	values[2] = n ? copy[n - 1] - copy[0] : 0;
	values[3] = n ? copy[n - 1] : 0;
	values[4] = n ? copy[0] : 0;
	free(copy);
	size_t at = 0;
	for (int i = 0; i < 5 && at < room; i++)
		at += (size_t)snprintf(out + at, room - at, "%s %.3f; ", names[i], values[i]);
	return (int)at;
}
