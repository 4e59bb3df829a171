/* err: exit codes and error details.
 *
 * Every function of the house that can fail for a reason outside the program
 * returns 0 or one of these codes and fills a struct err. Nothing below cmd/
 * prints or exits (mem.h alone excepted: out of memory ends the process). */
#ifndef C1V_BASE_ERR_H
#define C1V_BASE_ERR_H

#if defined(__GNUC__)
#define C1V_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define C1V_PRINTF(f, a)
#endif

/* The exit codes of every tool (c1v(7)); 64 and up are those of sysexits.h. */
enum {
	C1V_OK = 0,
	C1V_NO = 1,           /* the answer is no: nothing found, verification failed */
	C1V_PARTIAL = 3,      /* done, with some records rejected */
	C1V_USAGE = 64,       /* wrong command line */
	C1V_DATA = 65,        /* bad input data or a damaged file */
	C1V_UNAVAILABLE = 69, /* a service is not there */
	C1V_BUG = 70,         /* a bug in c1v */
	C1V_MEMORY = 71,      /* out of memory */
	C1V_IO = 74,          /* reading or writing failed */
	C1V_AGAIN = 75,       /* try again later */
	C1V_PROTOCOL = 76,    /* a service answered nonsense */
	C1V_CREDENTIALS = 77, /* not permitted */
	C1V_CONFIG = 78       /* wrong configuration */
};

struct err {
	int code;       /* one of the codes above; 0: no error */
	char text[512]; /* "what failed: why": lower case, no full stop, no secret */
	char hint[256]; /* what to do about it, or "" */
};

/* Fill e (which may be NULL) and return code. The hint is emptied. */
int err_set(struct err *e, int code, const char *fmt, ...) C1V_PRINTF(3, 4);

/* As err_set, with ": " and the text of errno behind it. ENOMEM becomes
 * C1V_MEMORY whatever code says. */
int err_sys(struct err *e, int code, const char *fmt, ...) C1V_PRINTF(3, 4);

/* Add a hint to an error that is set; returns its code. */
int err_hint(struct err *e, const char *fmt, ...) C1V_PRINTF(2, 3);

/* Put "prefix: " before an error that is set; returns its code. */
int err_prefix(struct err *e, const char *fmt, ...) C1V_PRINTF(2, 3);

#endif
