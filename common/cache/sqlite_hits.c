/* What lookups have to say, in a file of its own so that they need not write to the database.
 *
 * PATH.hits is a header (a name and a random number, its identity) and frames behind it: magic,
 * length, checksum, time, items. A frame is appended by one write(). Writers of the database fold frames
 * in, and keep how far (identity and offset) in the same transaction: each is folded in once, whatever
 * is killed when. A frame that is not whole is passed over.
 *
 * A file that has grown is retired: under the exclusive lock of its own it becomes PATH.hits.old, and an empty one
 * takes its place; it is folded in to its end and removed after the commit. Whoever appends holds that lock shared,
 * for the length of the write, and looks first whether the file is still the one of that name. So nothing is
 * appended to a file that was folded in. */
#include "cache/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sum.h"

#define NAME "c1vhits1"
#define MAGIC UINT32_C(0x48763163)

enum {
	HEADER = 16, FRAME = 16,
	FULL = 32 << 10,          /* of what is kept in memory */
	FRAME_MAX = 64 << 10,     /* so no frame is longer */
	PART = 128 << 10,         /* folded in at once */
	RETIRE = 1 << 20, LARGE = 4 << 20, TOO_LARGE = 64 << 20,
	SAVINGS = 16, MODEL_MAX = 1024,
	PATIENCE = 200            /* ms */
};

struct frame_head {
	uint32_t magic, length;
	uint64_t sum; /* over the length bytes behind it, seeded with length */
};

enum item { ITEM_USED = 1, ITEM_DAMAGED, ITEM_COUNT };

/* --- remembering ---------------------------------------------------------------------------- */

static void
add_number(struct buf *b, int64_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void
add_text(struct buf *b, struct slice s)
{
	add_number(b, (int64_t)s.n);
	buf_slice(b, s);
}

void
cache_hits_used(struct cache_file *c, int64_t id)
{
	mem_grow(&c->used, &c->used_room, c->used_count + 1, sizeof(*c->used));
	c->used[c->used_count++] = id;
}

void
cache_hits_damaged(struct cache_file *c, struct slice key, int64_t id)
{
	/* It will be found again. */
	if (cache_hits_full(c))
		return;
	add_number(&c->counts, ITEM_DAMAGED);
	add_number(&c->counts, id);
	add_text(&c->counts, key);
}

/* At most SAVINGS of what was saved, from *next on. */
static void
add_savings(struct buf *b, const struct cache_count *count, size_t *next)
{
	size_t n = 0, from = *next, at = b->len;

	add_number(b, 0);
	for (; *next < count->saving_count && *next - from < SAVINGS; ++*next) {
		const struct cache_saving *s = &count->savings[*next];

		if (s->model.n > MODEL_MAX)
			continue;
		add_text(b, s->model);
		add_number(b, s->tokens);
		n++;
	}
	memcpy(b->data + at, &(int64_t){(int64_t)n}, sizeof(int64_t));
}

void
cache_hits_count(struct cache_file *c, const struct cache_count *count)
{
	struct buf *b = &c->counts;
	size_t next = 0;
	int first = 1;

	if (count->group.n > CACHE_KEY_MAX)
		return;
	do {
		int64_t classes = 0;

		if (cache_hits_full(c))
			cache_hits_write(c);
		add_number(b, ITEM_COUNT);
		add_text(b, count->group);
		add_number(b, first ? count->hits : 0);
		add_number(b, first ? count->misses : 0);
		for (int i = 0; i < CACHE_LATENCIES && first; i++)
			classes += count->latency[i] != 0;
		add_number(b, classes);
		for (int i = 0; i < CACHE_LATENCIES && first; i++) {
			if (count->latency[i] != 0) {
				add_number(b, i);
				add_number(b, count->latency[i]);
			}
		}
		add_savings(b, count, &next);
		first = 0;
	} while (next < count->saving_count);
}

int
cache_hits_full(const struct cache_file *c)
{
	return c->used_count * sizeof(*c->used) + c->counts.len >= FULL;
}

/* --- appending ------------------------------------------------------------------------------ */

static int
lock_hits(int fd, short type)
{
	struct flock f = {.l_type = type, .l_whence = SEEK_SET, .l_len = HEADER};

	return fcntl(fd, F_OFD_SETLK, &f) == 0;
}

/* The file of that name, locked against being retired. -1 and errno: it cannot be had. */
static int
open_to_append(const char *path, off_t *size)
{
	struct stat mine, named;

	for (int i = 0; i < PATIENCE; i++) {
		int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (fd < 0)
			return -1;
		if (lock_hits(fd, F_RDLCK) && fstat(fd, &mine) == 0 && stat(path, &named) == 0 &&
		    mine.st_ino == named.st_ino && mine.st_dev == named.st_dev) {
			*size = mine.st_size;
			return fd;
		}
		close(fd);
		clock_sleep_ms(1);
	}
	errno = EAGAIN;
	return -1;
}

static void
make_frame(const struct cache_file *c, struct buf *frame)
{
	struct frame_head h = {.magic = MAGIC};

	buf_add(frame, &h, sizeof(h));
	add_number(frame, clock_wall_ms());
	if (c->used_count > 0) {
		add_number(frame, ITEM_USED);
		add_number(frame, (int64_t)c->used_count);
		buf_add(frame, c->used, c->used_count * sizeof(*c->used));
	}
	buf_add(frame, c->counts.data, c->counts.len);
	h.length = (uint32_t)(frame->len - sizeof(h));
	h.sum = sum64(frame->data + sizeof(h), h.length, h.length);
	memcpy(frame->data, &h, sizeof(h));
}

void
cache_hits_write(struct cache_file *c)
{
	struct buf frame = {0};
	off_t size = 0;
	int fd;

	if (c->used_count == 0 && c->counts.len == 0)
		return;
	fd = open_to_append(c->hits_path, &size);
	/* There may soon be one. */
	if (fd < 0 && errno == ENOENT && !cache_hits_full(c))
		return;
	if (fd >= 0 && size >= HEADER && size < TOO_LARGE) {
		make_frame(c, &frame);
		/* Cut short it is passed over, with what it says. */
		size += write(fd, frame.data, frame.len);
	}
	c->hits_large = size > LARGE;
	if (fd >= 0)
		close(fd);
	buf_free(&frame);
	c->used_count = 0;
	c->counts.len = 0;
}

/* --- reading -------------------------------------------------------------------------------- */

struct reader {
	const char *p, *end;
	int bad;
};

static int64_t
next_number(struct reader *r)
{
	int64_t v = 0;

	if ((size_t)(r->end - r->p) < sizeof(v)) {
		r->bad = 1;
		return 0;
	}
	memcpy(&v, r->p, sizeof(v));
	r->p += sizeof(v);
	return v;
}

static struct slice
next_text(struct reader *r)
{
	int64_t n = next_number(r);
	struct slice s = {r->p, (size_t)n};

	if (r->bad || n < 0 || n > r->end - r->p) {
		r->bad = 1;
		return SLICE("");
	}
	r->p += n;
	return s;
}

static int
read_used(struct reader *r, int64_t when, const struct cache_sink *sink, struct err *e)
{
	int64_t n = next_number(r);
	int rc = 0;

	while (n-- > 0 && !r->bad && rc == 0) {
		int64_t id = next_number(r);

		if (!r->bad && sink->used != NULL)
			rc = sink->used(sink->arg, id, when, e);
	}
	return rc;
}

static int
read_damaged(struct reader *r, const struct cache_sink *sink, struct err *e)
{
	int64_t id = next_number(r);
	struct slice key = next_text(r);

	return r->bad || sink->damaged == NULL ? 0 : sink->damaged(sink->arg, id, key, e);
}

static int
read_count(struct reader *r, const struct cache_sink *sink, struct err *e)
{
	struct cache_saving savings[SAVINGS];
	struct cache_count count = {.savings = savings};
	int64_t n;

	count.group = next_text(r);
	count.hits = next_number(r);
	count.misses = next_number(r);
	for (n = next_number(r); n > 0 && !r->bad; n--) {
		int64_t class = next_number(r), calls = next_number(r);

		if (class >= 0 && class < CACHE_LATENCIES)
			count.latency[class] += calls;
	}
	for (n = next_number(r); n > 0 && !r->bad && count.saving_count < SAVINGS; n--) {
		struct cache_saving *s = &savings[count.saving_count++];

		s->model = next_text(r);
		s->tokens = next_number(r);
	}
	return r->bad ? 0 : sink->count(sink->arg, &count, e);
}

static int
read_frame(const char *p, size_t n, const struct cache_sink *sink, struct err *e)
{
	struct reader r = {p, p + n, 0};
	int64_t when = next_number(&r);
	int rc = 0;

	while (rc == 0 && !r.bad && r.p < r.end) {
		switch (next_number(&r)) {
		case ITEM_USED:
			rc = read_used(&r, when, sink, e);
			break;
		case ITEM_DAMAGED:
			rc = read_damaged(&r, sink, e);
			break;
		case ITEM_COUNT:
			rc = read_count(&r, sink, e);
			break;
		default:
			r.bad = 1;
		}
	}
	return rc;
}

/* The length of the whole frame that begins at p, or 0. */
static size_t
frame_at(const char *p, size_t n)
{
	struct frame_head h;

	if (n < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (h.magic != MAGIC || h.length > n - sizeof(h) || h.length > FRAME_MAX)
		return 0;
	return sum64(p + sizeof(h), h.length, h.length) == h.sum ? sizeof(h) + h.length : 0;
}

/* The next whole frame from p on, or NULL. */
static const char *
find_frame(const char *p, const char *end, size_t *n)
{
	static const uint32_t magic = MAGIC;

	while ((p = memmem(p, (size_t)(end - p), &magic, sizeof(magic))) != NULL) {
		*n = frame_at(p, (size_t)(end - p));
		if (*n > 0)
			return p;
		p++;
	}
	return NULL;
}

/* One part of the file from *at on, which becomes where the next one begins. What is read is as it stays: whoever
 * appends after a frame does so after all of it. *more: there is a next one. */
static int
read_part(int fd, int64_t *at, const struct cache_sink *sink, int *more, struct err *e)
{
	char *part = mem_alloc(PART);
	ssize_t got = pread(fd, part, PART, (off_t)*at);
	const char *p = part, *end = part + (got > 0 ? got : 0), *frame;
	size_t n;
	int rc = 0;

	while (rc == 0 && (frame = find_frame(p, end, &n)) != NULL) {
		rc = read_frame(frame + FRAME, n - FRAME, sink, e);
		p = frame + n;
	}
	*more = got == PART;
	/* The end may be that of a frame being written, unless it is too long for one. */
	if (end - p > FRAME_MAX + FRAME)
		p = end - FRAME_MAX - FRAME;
	*at += p - part;
	free(part);
	return rc;
}

/* The file's identity, or 0: there is none, or it is no file of ours. */
static int64_t
identity_of(int fd)
{
	char h[HEADER];
	int64_t id = 0;

	if (fd >= 0 && pread(fd, h, HEADER, 0) == HEADER && memcmp(h, NAME, 8) == 0)
		memcpy(&id, h + 8, sizeof(id));
	return id;
}

static int
open_to_read(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

int
cache_hits_ours(const struct cache_file *c)
{
	int fd = open_to_read(c->hits_path, O_RDONLY), ours = identity_of(fd) != 0;

	if (fd >= 0)
		close(fd);
	return ours;
}

/* --- files ---------------------------------------------------------------------------------- */

/* An empty one beside, to be put in its place. 0: it cannot be made. */
static int64_t
make_new(struct cache_file *c)
{
	int fd = open(c->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	char h[HEADER] = NAME;
	int64_t id = 0;

	if (fd < 0)
		return 0;
	if (getrandom(&id, sizeof(id), 0) == sizeof(id)) {
		id = (id & INT64_MAX) | 1;
		memcpy(h + 8, &id, sizeof(id));
	}
	if (write(fd, h, HEADER) != HEADER)
		id = 0;
	close(fd);
	return id;
}

void
cache_hits_begin(struct cache_file *c)
{
	int64_t id = make_new(c);

	unlink(c->old_path);
	c->state.hits = id != 0 && rename(c->new_path, c->hits_path) == 0 ? id : 0;
	c->state.folded = HEADER;
}

/* Where to go on in a file with that identity. */
static int64_t
folded_of(const struct cache_file *c, int64_t id)
{
	return id == c->state.hits ? c->state.folded : HEADER;
}

static int
read_rest(int fd, int64_t *at, const struct cache_sink *sink, struct err *e)
{
	int more = 1, rc = 0;

	while (rc == 0 && more)
		rc = read_part(fd, at, sink, &more, e);
	return rc;
}

/* The retired file, whose writer has died before he could remove it. */
static int
fold_old(struct cache_file *c, const struct cache_sink *sink, struct err *e)
{
	int fd = open_to_read(c->old_path, O_RDONLY), rc = 0;
	struct stat old, now;
	int64_t id, at;

	if (fd < 0)
		return 0;
	id = identity_of(fd);
	at = folded_of(c, id);
	if (fstat(fd, &old) == 0 && stat(c->hits_path, &now) == 0 && old.st_ino == now.st_ino) {
		unlink(c->old_path); /* he had not come to put another in its place */
	} else {
		c->retired = 1;
		if (id != 0 && id != c->state.done) {
			rc = read_rest(fd, &at, sink, e);
			c->state.done = id;
		}
	}
	close(fd);
	return rc;
}

static int
retire(struct cache_file *c, int fd, const struct cache_sink *sink, struct err *e)
{
	int64_t id;

	/* Somebody is appending just now: the next time, then. */
	if (!lock_hits(fd, F_WRLCK))
		return 0;
	id = make_new(c);
	if (id == 0 || link(c->hits_path, c->old_path) != 0)
		return 0;
	if (rename(c->new_path, c->hits_path) != 0)
		return 0;
	if (read_rest(fd, &c->state.folded, sink, e) != 0)
		return e->code;
	c->retired = 1;
	c->state.done = c->state.hits;
	c->state.hits = id;
	c->state.folded = HEADER;
	return 0;
}

int
cache_hits_fold(struct cache_file *c, const struct cache_sink *sink, struct err *e)
{
	int more = 0, fd, rc = fold_old(c, sink, e);
	int64_t id;
	struct stat st;

	if (rc != 0)
		return rc;
	fd = open_to_read(c->hits_path, O_RDWR);
	id = identity_of(fd);
	if (id == 0) {
		cache_hits_begin(c);
	} else {
		c->state.folded = folded_of(c, id);
		c->state.hits = id;
		rc = read_part(fd, &c->state.folded, sink, &more, e);
		if (rc == 0 && !more && !c->retired && fstat(fd, &st) == 0 && st.st_size > RETIRE)
			rc = retire(c, fd, sink, e);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

void
cache_hits_retire(struct cache_file *c)
{
	unlink(c->old_path);
}

int
cache_hits_rest(struct cache_file *c, const struct cache_sink *sink, struct err *e)
{
	int old = open_to_read(c->old_path, O_RDONLY), now = open_to_read(c->hits_path, O_RDONLY), rc = 0;
	int64_t old_id = identity_of(old), now_id = identity_of(now), at;

	at = folded_of(c, old_id);
	if (old_id != 0 && old_id != c->state.done && old_id != now_id)
		rc = read_rest(old, &at, sink, e);
	at = folded_of(c, now_id);
	if (now_id != 0 && rc == 0)
		rc = read_rest(now, &at, sink, e);
	if (old >= 0)
		close(old);
	if (now >= 0)
		close(now);
	return rc;
}
