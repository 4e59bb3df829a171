#include "watch/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

static const long long FIRST_NS = 1000000000, EVERY_NS = 100000000;

enum { BAR = 20, LINE = 160 };

void
progress_start(struct progress *p, struct log *l, const char *what)
{
	*p = (struct progress){.log = l, .what = what, .start_ns = clock_mono_ns()};
	p->enabled = !l->json && l->level < LOG_SILENT && isatty(STDERR_FILENO);
}

static size_t
columns(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 20)
		return 79;
	return w.ws_col < LINE ? w.ws_col - 1u : LINE - 1u;
}

/* "1234", or "12.3 MiB" where bytes are counted. */
static void
amount(char out[32], double v, int bytes)
{
	if (!bytes)
		snprintf(out, 32, "%.0f", v);
	else if (v < 1024.0 * 1024)
		snprintf(out, 32, "%.0f KiB", v / 1024);
	else if (v < 1024.0 * 1024 * 1024)
		snprintf(out, 32, "%.1f MiB", v / (1024.0 * 1024));
	else
		snprintf(out, 32, "%.2f GiB", v / (1024.0 * 1024 * 1024));
}

static int
format_line(char *line, const struct progress *p, double done, double total, double seconds)
{
	int bytes = strcmp(p->what, "bytes") == 0;
	const char *unit = bytes ? "" : " ", *what = bytes ? "" : p->what;
	double rate = done / seconds, left;
	char count[32], speed[32], bar[BAR + 1];

	amount(count, done, bytes);
	amount(speed, rate, bytes);
	if (total <= 0 || done > total)
		return snprintf(line, LINE, "%s%s%s, %s/s", count, unit, what, speed);
	for (int i = 0; i < BAR; i++)
		bar[i] = i < (int)(done / total * BAR) ? '#' : '.';
	bar[BAR] = '\0';
	left = rate > 0 ? (total - done) / rate : 0;
	return snprintf(line, LINE, "[%s] %3.0f%% %s%s%s, %s/s, %d:%02d left", bar, done / total * 100,
	    count, unit, what, speed, (int)(left / 60), (int)left % 60);
}

void
progress_show(struct progress *p, unsigned long long done, unsigned long long total)
{
	char line[LINE], out[LINE + 8];
	long long now;
	size_t width;
	int n;

	if (!p->enabled)
		return;
	now = clock_mono_ns();
	if (now - p->start_ns < FIRST_NS || now - p->drawn_ns < EVERY_NS)
		return;
	p->drawn_ns = now;
	format_line(line, p, (double)done, (double)total, (double)(now - p->start_ns) / 1e9);
	width = columns();
	n = snprintf(out, sizeof(out), "\r%.*s\033[K", (int)width, line);
	if (n > 0 && write(STDERR_FILENO, out, (size_t)n) > 0)
		p->log->progress_shown = 1;
}

void
progress_end(struct progress *p)
{
	if (p->log->progress_shown && write(STDERR_FILENO, "\r\033[K", 4) > 0)
		p->log->progress_shown = 0;
	p->enabled = 0;
}
