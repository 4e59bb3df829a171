/* Random fault plans for c1v-embed, many at a time, and what must hold under each of them.
 *
 *     storm EMBED FAKE SEED COUNT JOBS [FIRST]
 *
 * In the current directory, which is to be empty. Plan N of a seed is always the same: a script for the
 * server (plans/N, see http.c), records and options. Checked: the run ends in time, with a status that the
 * plan allows; every record comes out once, with the vector of its own text, or stands once in the rejects, in
 * order both; what is fed in again is embedded; no request id is in the usage twice; the server saw no
 * more requests at once, and none earlier, than allowed; the key is in no file and no message. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "faults.h"
#include "vector.h"

enum { RECORDS = 24, DIMS = 8, DEADLINE = 60, LINES = 12, LONGEST = 1 << 16 };
enum { KEY_ROOM = 64 };

struct record { struct slice text; int bad, blank; };

struct plan {
	int number, records, bads, retries, concurrency, batch, own, slow;
	uint64_t allowed;
	char key[KEY_ROOM], dir[32];
	struct record r[RECORDS];
	struct buf texts, script;
	pid_t pid, fake;
	int64_t deadline;
	int again; /* the rejects are fed in */
};

struct storm {
	const char *embed, *fake;
	int port, jobs;
	unsigned long seed;
	struct buf ids; /* of requests, a line each */
	long plans, embedded, rejected, ended[64], faulty;
	int failed;
};

/* --- chance ------------------------------------------------------------------- */

static uint64_t
next(uint64_t *r)
{
	uint64_t z = *r += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static int
below(uint64_t *r, int n)
{
	return (int)(next(r) % (uint64_t)n);
}

static const struct fault *
any(uint64_t *r, enum kind kind)
{
	const struct fault *f;

	do {
		f = &faults[below(r, FAULTS)];
	} while (f->kind != kind);
	return f;
}

/* --- making a plan --------------------------------------------------------------- */

static void
make_records(struct plan *p, struct storm *s, uint64_t *r, int bad)
{
	static const char *const odd[] = {"", " \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80", " \"quoted\" \\", "\n\tnext", "  "};

	p->records = 1 + below(r, RECORDS);
	buf_reserve(&p->texts, (size_t)RECORDS * 100);
	for (int i = 0; i < p->records; i++) {
		struct record *k = &p->r[i];
		size_t at = p->texts.len;

		k->blank = i > 0 && below(r, 12) == 0;
		k->bad = !k->blank && bad && below(r, 4) == 0;
		if (k->blank)
			buf_string(&p->texts, below(r, 2) ? "" : " \n");
		else if (i > 0 && below(r, 10) == 0 && !k->bad) /* again */
			buf_format(&p->texts, "text 0 of %lu/%d", s->seed, p->number);
		else
			buf_format(&p->texts, "%stext %d of %lu/%d%s", k->bad ? below(r, 2) ? "BADTEXT " : "HUGETEXT " : "", i,
			    s->seed, p->number, i ? odd[below(r, 5)] : "");
		k->text = (struct slice){p->texts.data + at, p->texts.len - at};
		p->bads += k->bad;
	}
}

/* The lines of its script, and by them the statuses that the run may end with. */
static void
make_script(struct plan *p, uint64_t *r)
{
	int style = below(r, 20), lines = 1 + below(r, LINES), passing = 0, refusing = 0, sure = 0;
	uint64_t too_often = 0, ends = 0;

	if (style < 8) /* what passes, not more often than is tried */
		lines = p->retries;
	for (int i = 0; i < lines && !p->own; i++) {
		const struct fault *f = any(r, FINE);
		int dice = below(r, 10);

		if (style < 8)
			f = dice < 7 ? any(r, PASSES) : f;
		else if (style < 16)
			f = dice < 4 ? any(r, PASSES) : dice < 6 ? any(r, ENDS) : dice < 7 ? any(r, REFUSES) : f;
		else if (style < 18)
			f = dice < 5 ? any(r, PASSES) : f;
		else if (i == 0)
			f = any(r, ENDS);
		buf_format(&p->script, "%s most=%d\n", f->words, p->concurrency);
		passing += f->kind == PASSES;
		refusing += f->kind == REFUSES;
		too_often |= f->kind == PASSES ? f->codes : 0;
		ends |= f->kind == ENDS ? f->codes : 0;
		sure |= i == 0 && f->kind == ENDS && p->bads == 0;
	}
	p->allowed = ends;
	/* Cut short, the answer to a bad text is no wrong one; and if others go well, a text that fails
	 * stands alone in the end. */
	if (passing > p->retries)
		p->allowed |= too_often | SOME | (p->bads ? ON(75) : 0);
	if (p->bads || refusing)
		p->allowed |= SOME | ON(65);
	if (!sure && p->bads == 0)
		p->allowed |= DONE;
	if (p->slow) { /* answers that do not end, or do not begin */
		static const char *const words[] = {"wire=mute", "wire=stall", "wire=drip"};

		p->script.len = 0;
		for (int i = 0; i <= below(r, 3); i++)
			buf_format(&p->script, "%s\n", words[below(r, 3)]);
		p->allowed = DONE | SOME | ON(65) | ON(75) | ON(76);
		p->retries = below(r, 3);
	}
	if (p->own) { /* a server that is away at first, and goes away once */
		buf_string(&p->script, "status=200\nshut=60\n");
		p->allowed = DONE;
		p->retries = 4;
	} else if (style == 19 && p->bads == 0 && !sure) { /* and never comes back */
		const struct fault *f = &faults[18 + below(r, 11)];

		buf_format(&p->script, "rest %s most=%d\n", f->words, p->concurrency);
		p->allowed |= f->codes;
	}
}

static void
write_file(const char *dir, const char *name, const struct buf *b)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fwrite(b->data, 1, b->len, f) != b->len || fclose(f) != 0) {
		fprintf(stderr, "storm: cannot write %s\n", path);
		exit(2);
	}
}

static void
make(struct plan *p, struct storm *s, int number)
{
	uint64_t r = s->seed * 1000003 + (uint64_t)number;
	struct buf in = {0};
	char name[16];

	memset(p, 0, sizeof(*p));
	p->number = number;
	p->retries = below(&r, 5);
	p->concurrency = 1 << below(&r, 5);
	p->batch = 1 + below(&r, 8);
	p->own = below(&r, 40) == 0;
	p->slow = !p->own && below(&r, 40) == 0;
	snprintf(p->key, sizeof(p->key), "canary-%lu-%d-key", s->seed, number);
	snprintf(p->dir, sizeof(p->dir), "run/%d", number);
	make_records(p, s, &r, !p->own && below(&r, 5) == 0);
	make_script(p, &r);
	for (int i = 0; i < p->records; i++) {
		buf_format(&in, "{\"id\":%d,\"content\":", i);
		json_add_string(&in, p->r[i].text);
		buf_string(&in, "}\n");
	}
	mkdir(p->dir, 0777);
	write_file(p->dir, "in", &in);
	if (p->script.len == 0)
		buf_string(&p->script, "\n");
	snprintf(name, sizeof(name), "%d", number);
	write_file(p->own ? p->dir : "plans", p->own ? "plan" : name, &p->script);
	buf_free(&in);
}

/* --- running ----------------------------------------------------------------------- */

static char *
text_of(const char *format, long a, long b)
{
	struct buf t = {0};

	buf_format(&t, format, a, b);
	buf_cstr(&t);
	return t.data;
}

/* A server; its port. Its input stays open until we end. */
static int
start_fake(const struct storm *s, const char *words[2], pid_t *pid)
{
	int in[2], out[2], port = 0;
	FILE *f;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		exit(2);
	*pid = fork();
	if (*pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(s->fake, s->fake, "serve", words[0], words[1], (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	f = fdopen(out[0], "r");
	if (fscanf(f, "%d", &port) != 1)
		exit(2);
	fclose(f);
	return port;
}

static void
launch(struct plan *p, struct storm *s)
{
	const char *words[2] = {"late=60", NULL};
	char *base, *plan = text_of("plan=run/%ld/plan", p->number, 0);
	char *const args[] = {
		strdup(s->embed), strdup("-m"), strdup("fake"), strdup("--encoding"), strdup("base64"),
		strdup("--dims"), text_of("%ld", DIMS, 0), strdup("--batch-inputs"), text_of("%ld", p->batch, 0),
		strdup("--concurrency"), text_of("%ld", p->concurrency, 0), strdup("--retries"),
		text_of("%ld", p->retries, 0), strdup("--timeout"), strdup(p->slow && !p->again ? "0.3" : "20"), strdup("--log-level"), strdup("info"),
		strdup("--log-format"), strdup(p->number % 2 ? "json" : "text"), strdup("--rejects"),
		strdup(p->again ? "rejects2" : "rejects"), strdup("--usage"), strdup("usage"), strdup("--api-base"),
		NULL, strdup(p->again ? "rejects" : "in"), NULL
	};
	int port = s->port;

	words[1] = plan;
	if (p->own && !p->again)
		port = start_fake(s, words, &p->fake);
	base = text_of("http://127.0.0.1:%ld/%ld/v1", port, p->again ? 0 : p->number);
	((char **)(uintptr_t)args)[24] = base;
	p->deadline = clock_mono_ns() + DEADLINE * INT64_C(1000000000);
	p->pid = fork();
	if (p->pid == 0) {
		setenv("OPENAI_API_KEY", p->key, 1);
		if (chdir(p->dir) != 0)
			_exit(127);
		dup2(open(p->again ? "out2" : "out", O_WRONLY | O_CREAT, 0666), 1);
		dup2(open(p->again ? "err2" : "err", O_WRONLY | O_CREAT, 0666), 2);
		execv(s->embed, args);
		_exit(127);
	}
	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		free(args[i]);
	free(plan);
}

/* --- judging ------------------------------------------------------------------------ */

static void
fault(struct storm *s, const struct plan *p, const char *what, const char *more)
{
	printf("plan %d of seed %lu: %s%s (in %s; retries %d, concurrency %d, batches of %d)\n%s", p->number, s->seed,
	    what, more, p->dir, p->retries, p->concurrency, p->batch, p->script.len ? buf_cstr(&((struct plan *)(uintptr_t)p)->script) : "");
	s->failed = 1;
}

static void
read_file(struct buf *b, const struct plan *p, const char *name)
{
	char path[80];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "r");
	b->len = 0;
	while (f != NULL && (n = fread(buf_reserve(b, 65536), 1, 65536, f)) > 0)
		b->len += n;
	if (f != NULL)
		fclose(f);
}

static int
right(const struct plan *p, int id, struct slice object, int embedded)
{
	const struct record *k = &p->r[id];
	struct slice v = json_get(object, "embedding"), error = json_get(object, "error");
	int64_t code = 0;

	if (!embedded)
		return error.p != NULL && json_type(error) == JSON_OBJECT && num_json_int(json_get(error, "code"), &code) &&
		    code >= 64 && code <= 78;
	if (k->blank)
		return v.p != NULL && json_type(v) == JSON_NULL;
	return !k->bad && v.p != NULL && vector_fits(v, k->text, DIMS) && error.p == NULL;
}

/* Each line is a record that was not seen yet, in order; returns how many, or -1. */
static int
read_records(struct storm *s, struct plan *p, const char *name, int embedded, char *seen)
{
	struct buf b = {0};
	int count = 0, last = -1;

	read_file(&b, p, name);
	for (char *at = b.data, *end; count >= 0 && b.len && at < b.data + b.len; at = end + 1) {
		struct slice object;
		int64_t id;

		end = memchr(at, '\n', b.len - (size_t)(at - b.data));
		if (end == NULL || json_check((struct slice){at, (size_t)(end - at)}, &object, NULL) != 0 ||
		    !num_json_int(json_get(object, "id"), &id) || id < 0 || id >= p->records || id <= last || seen[id] ||
		    !right(p, (int)id, object, embedded)) {
			fault(s, p, "a wrong record in ", name);
			count = -1;
			break;
		}
		seen[id] = 1;
		last = (int)id;
		count++;
	}
	buf_free(&b);
	return count;
}

static void
take_ids(struct storm *s, const struct plan *p)
{
	static const char name[] = "\"request_id\":\"";
	struct buf b = {0};
	char *at, *end;

	read_file(&b, p, "usage");
	for (at = b.len ? buf_cstr(&b) : NULL; at != NULL && (at = strstr(at, name)) != NULL; at = end) {
		at += strlen(name);
		end = strchr(at, '"');
		buf_add(&s->ids, at, (size_t)(end - at));
		buf_byte(&s->ids, '\n');
	}
	buf_free(&b);
}

/* The key is in none of the files that were made. */
static void
seek_key(struct storm *s, const struct plan *p)
{
	DIR *d = opendir(p->dir);
	struct dirent *e;
	struct buf b = {0};

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		read_file(&b, p, e->d_name);
		if (b.len && memmem(b.data, b.len, p->key, strlen(p->key)) != NULL)
			fault(s, p, "the key is in ", e->d_name);
	}
	if (d != NULL)
		closedir(d);
	buf_free(&b);
}

static void
judge(struct storm *s, struct plan *p, int status)
{
	char seen[RECORDS] = {0}, word[20];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	int out = read_records(s, p, "out", 1, seen), rejects = read_records(s, p, "rejects", 0, seen);

	snprintf(word, sizeof(word), "%d", code);
	if ((code != 0 && code != 3 && code < 64) || code > 78 || !(p->allowed & ON(code)))
		fault(s, p, "may not end with status ", word);
	else
		s->ended[code < 64 ? code : code - 32]++;
	if (out >= 0 && rejects >= 0 && out + rejects != p->records)
		fault(s, p, "a record is lost", "");
	if (out >= 0 && rejects >= 0 && (rejects == 0) != (code == 0))
		fault(s, p, "the status does not tell of the rejects: ", word);
	seek_key(s, p);
	take_ids(s, p);
	s->embedded += out > 0 ? out : 0;
	s->rejected += rejects > 0 ? rejects : 0;
	s->faulty += code != 0;
	s->plans++;
}

/* What was rejected is embedded when the server is well, but what it refuses. */
static void
judge_again(struct storm *s, struct plan *p)
{
	char seen[RECORDS] = {0}, before[RECORDS] = {0};
	int out = read_records(s, p, "out2", 1, seen), wanted;

	wanted = read_records(s, p, "rejects", 0, before);
	for (int i = 0; i < p->records; i++)
		wanted -= before[i] && p->r[i].bad;
	if (out >= 0 && out != wanted)
		fault(s, p, "not all of the rejects are embedded when they are fed in again", "");
	seek_key(s, p);
}

static int
has_rejects(const struct plan *p)
{
	struct buf b = {0};
	int some;

	read_file(&b, p, "rejects");
	some = b.len > 0;
	buf_free(&b);
	return some;
}

/* A run has ended. 1: it goes on with the second one. */
static int
ended(struct storm *s, struct plan *p, int status)
{
	if (p->fake > 0) {
		kill(p->fake, SIGKILL);
		waitpid(p->fake, NULL, 0);
		p->fake = 0;
	}
	if (p->again) {
		judge_again(s, p);
	} else {
		judge(s, p, status);
		p->again = p->number % 4 == 0 && has_rejects(p);
		if (p->again) {
			launch(p, s);
			return 1;
		}
	}
	buf_free(&p->texts);
	buf_free(&p->script);
	p->pid = 0;
	return 0;
}

static void
run_all(struct storm *s, int first, int count)
{
	struct plan *slots = calloc((size_t)s->jobs, sizeof(*slots));
	int started = 0, busy = 0, status;

	while (started < count || busy > 0) {
		for (int i = 0; i < s->jobs && started < count; i++) {
			if (slots[i].pid == 0) {
				make(&slots[i], s, first + started++);
				launch(&slots[i], s);
				busy++;
			}
		}
		nanosleep(&(struct timespec){0, 1000000}, NULL);
		for (int i = 0; i < s->jobs; i++) {
			struct plan *p = &slots[i];

			if (p->pid > 0 && clock_mono_ns() > p->deadline) {
				fault(s, p, "did not end in time", "");
				kill(p->pid, SIGKILL);
				p->deadline = INT64_MAX;
			}
			if (p->pid > 0 && waitpid(p->pid, &status, WNOHANG) == p->pid)
				busy -= !ended(s, p, status);
		}
	}
	free(slots);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
check_ids(struct storm *s)
{
	size_t n = 0;
	char **all = calloc(s->ids.len + 1, sizeof(*all)), *state;

	buf_byte(&s->ids, '\n');
	for (char *t = strtok_r(buf_cstr(&s->ids), "\n", &state); t != NULL; t = strtok_r(NULL, "\n", &state))
		all[n++] = t;
	qsort(all, n, sizeof(*all), by_text);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(all[i - 1], all[i]) == 0) {
			printf("seed %lu: request %s is in the usage twice\n", s->seed, all[i]);
			s->failed = 1;
		}
	}
	printf("%zu requests in the usage\n", n);
	free(all);
}

int
main(int argc, char **argv)
{
	const char *words[2] = {"plans=plans", "log=log"};
	struct storm s = {0};
	pid_t fake;
	char line[300];
	FILE *log;

	if (argc < 6)
		return 2;
	s.embed = argv[1];
	s.fake = argv[2];
	s.seed = strtoul(argv[3], NULL, 10);
	s.jobs = atoi(argv[5]);
	mkdir("plans", 0777);
	mkdir("run", 0777);
	s.port = start_fake(&s, words, &fake);
	run_all(&s, argc > 6 ? atoi(argv[6]) : 1, atoi(argv[4]));
	kill(fake, SIGKILL);
	waitpid(fake, NULL, 0);
	check_ids(&s);
	log = fopen("log", "r");
	while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
		if (strncmp(line, "complaint", 9) == 0) {
			printf("seed %lu: %s", s.seed, line);
			s.failed = 1;
		}
	}
	printf("%ld plans, %ld records embedded, %ld rejected, %ld runs not clean:", s.plans, s.embedded, s.rejected,
	    s.faulty);
	for (int i = 1; i < 64; i++)
		if (s.ended[i])
			printf(" %d: %ld", i < 32 ? i : i + 32, s.ended[i]);
	printf("\n");
	buf_free(&s.ids);
	return s.failed;
}
