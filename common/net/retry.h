/* retry: when to ask a server again, and how long to wait before. Nothing here asks or waits. */
#ifndef C1V_NET_RETRY_H
#define C1V_NET_RETRY_H

#include <stdint.h>

#include "base/buf.h"

enum { RETRY_WAIT_MAX = 120000 }; /* ms; a server that asks for more is not waited for */

/* What a server said about being asked again. */
struct retry_hints {
	int should;       /* x-should-retry: 1, 0, or -1: not said */
	int64_t wait_ms;  /* retry-after-ms, else Retry-After; -1: not said */
	int64_t after_ms; /* of Retry-After alone, as retry-after-ms comes first; -1 */
	int64_t remaining_requests, remaining_tokens; /* x-ratelimit-…; -1: not said */
	int64_t reset_requests_ms, reset_tokens_ms;   /* -1: not said */
};

void retry_none(struct retry_hints *h);
/* Take in a header. Names are compared without regard to case; what cannot be
 * understood is passed over. wall_ms: now, for HTTP dates. */
void retry_header(struct retry_hints *h, struct slice name, struct slice value, int64_t wall_ms);

/* Is a status worth another try? x-should-retry wins, then 408, 409, 429 and from 500 on. */
int retry_status(int status, const struct retry_hints *h);

/* The wait before try n (1: the first repetition): what the server said, else
 * min(0.5 * 2^(n-1), 8) s less up to a quarter. random: any 32 bits. -1: the server asks for
 * more than RETRY_WAIT_MAX. */
int64_t retry_wait_ms(const struct retry_hints *h, int n, uint32_t random);

/* "6m0s", "12ms", "1.5s", "2h3m": milliseconds, rounded up, or -1. */
int64_t retry_duration(struct slice text);

#endif
