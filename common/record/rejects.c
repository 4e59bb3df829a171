#include "record/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

int
rejects_apart(const char *path, const char *const *inputs, size_t count, struct err *e)
{
	static const char *const standard_input[] = {"-"};
	struct stat file, other;

	if (path == NULL || stat(path, &file) != 0 || !S_ISREG(file.st_mode))
		return 0;
	if (count == 0) {
		inputs = standard_input;
		count = 1;
	}
	for (size_t i = 0; i < count; i++) {
		int known = strcmp(inputs[i], "-") == 0 ? fstat(STDIN_FILENO, &other) : stat(inputs[i], &other);

		if (known != 0 || other.st_dev != file.st_dev || other.st_ino != file.st_ino)
			continue;
		err_set(e, C1V_USAGE, "--rejects %s is an input too", path);
		return err_hint(e, "it would be emptied before it is read: name another file");
	}
	return 0;
}

int
rejects_open(struct rejects *r, struct log *log, const char *path, int strict, struct err *e)
{
	int fd;

	*r = (struct rejects){.log = log, .strict = strict};
	if (path == NULL)
		return 0;
	if (strcmp(path, "-") == 0) {
		err_set(e, C1V_USAGE, "--rejects needs a file: standard output is for the results");
		return err_hint(e, "/dev/stderr is one");
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		return err_sys(e, C1V_IO, "cannot write %s", path);
	out_open(&r->file, fd, path);
	r->has_file = 1;
	return 0;
}

/* s as a JSON string; bytes that are no UTF-8 become U+FFFD. */
static void
add_raw(struct buf *b, struct slice s)
{
	buf_byte(b, '"');
	while (s.n) {
		size_t good = utf8_valid(s.p, s.n);

		json_add_escaped(b, (struct slice){s.p, good});
		if (good < s.n) {
			buf_string(b, "\xef\xbf\xbd");
			good++;
		}
		s = (struct slice){s.p + good, s.n - good};
	}
	buf_byte(b, '"');
}

static void
add_error(struct buf *b, const struct err *why, const struct line *line)
{
	buf_string(b, "{\"code\":");
	num_add_int(b, why->code);
	buf_string(b, ",\"message\":");
	add_raw(b, slice_of(why->text));
	buf_string(b, ",\"line\":");
	num_add_int(b, (int64_t)line->number);
	buf_byte(b, '}');
}

static void
add_reject(struct buf *b, const struct line *line, const struct err *why)
{
	struct buf error = {0};
	struct record record;

	add_error(&error, why, line);
	if (record_scan(line->text, &record, NULL) == 0) {
		struct edit edit = {"error", buf_as_slice(&error)};
		record_add_edited(b, &record, &edit, 1);
	} else {
		buf_string(b, "{\"raw\":");
		add_raw(b, line->text);
		buf_string(b, ",\"error\":");
		buf_slice(b, buf_as_slice(&error));
		buf_byte(b, '}');
	}
	buf_free(&error);
}

int
rejects_keep(struct rejects *r, const struct line *line, const struct err *why, struct err *e)
{
	r->bad++;
	if (!r->has_file)
		return 0;
	add_reject(&r->file.buf, line, why);
	return out_line(&r->file) != 0 ? out_flush(&r->file, e) : 0;
}

int
rejects_add(struct rejects *r, const struct line *line, const struct err *why, struct err *e)
{
	struct err placed = *why;
	int rc = rejects_keep(r, line, why, e);

	if (rc != 0)
		return rc;
	err_prefix(&placed, "%s:%" PRIu64, line->source, line->number);
	if (r->strict) {
		placed.code = C1V_DATA;
		if (e != NULL)
			*e = placed;
		return C1V_DATA;
	}
	log_warn_err(r->log, &placed);
	return 0;
}

int
rejects_close(struct rejects *r, struct err *e)
{
	int rc = 0;

	if (r->has_file) {
		rc = out_close(&r->file, e);
		r->has_file = 0;
	}
	if (rc != 0 || r->bad == 0)
		return rc;
	if (r->good > 0)
		return C1V_PARTIAL;
	return err_set(e, C1V_DATA, "no record was good (%" PRIu64 " refused)", r->bad);
}
