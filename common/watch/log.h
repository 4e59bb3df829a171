/* log: what a tool tells its user, on stderr, as text or as JSON.
 *
 * Text: `tool: what failed: why` and on a second line `hint: what to do`.
 * JSON (Pino's shape): {"level","time","env","service","msg","type",…fields}.
 * Each message is one write(2). Control characters are shown, not sent. Never
 * pass a secret or a document's content. */
#ifndef C1V_WATCH_LOG_H
#define C1V_WATCH_LOG_H

#include "base/err.h"
#include "base/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_SILENT };

struct log {
	const char *tool;     /* "c1v-chunk" */
	enum log_level level; /* least level that is written; default LOG_WARN */
	int json;
	int progress_shown;   /* a progress line stands on the terminal: erase it first */
};

void log_say(struct log *l, enum log_level level, const char *fmt, ...) C1V_PRINTF(3, 4);
/* An error with its hint and code, at LOG_ERROR. */
void log_err(struct log *l, const struct err *e);
/* The same at LOG_WARN: for a record that was passed over. */
void log_warn_err(struct log *l, const struct err *e);
/* An event at level with type and ready JSON members (`"duration":12,"rows":3`,
 * or NULL); in text form: "msg" followed by the members. */
void log_event(struct log *l, enum log_level level, const char *type,
    const char *members, const char *fmt, ...) C1V_PRINTF(5, 6);

/* Progress on stderr: only when it is a terminal, text form, and the run has
 * lasted a second; redrawn at most ten times a second. total 0: unknown.
 * Call it as often as you like; it looks at the clock itself. */
struct progress {
	struct log *log;
	const char *what; /* "chunks" */
	long long start_ns, drawn_ns;
	int enabled;
};
void progress_start(struct progress *p, struct log *l, const char *what);
void progress_show(struct progress *p, unsigned long long done, unsigned long long total);
void progress_end(struct progress *p);

#endif
