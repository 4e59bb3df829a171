/* faults: what a line of a random plan may say (words of http.c), and how a run may end by it. */
#ifndef C1V_FAKE_FAULTS_H
#define C1V_FAKE_FAULTS_H

#include <stdint.h>

/* Sets of exit statuses. */
#define ON(code) (UINT64_C(1) << ((code) < 64 ? (code) : (code) - 32))
#define DONE ON(0)
#define SOME ON(3)

enum kind { FINE, PASSES, REFUSES, ENDS };

/* What a line of a plan may say; codes: how the run may end by it (if it passes: when it comes too often). */
static const struct fault {
	const char *words;
	enum kind kind;
	uint64_t codes;
} faults[] = {
	{"status=200", FINE, DONE}, {"fault=reorder", FINE, DONE}, {"fault=noindex", FINE, DONE},
	{"fault=someindex", FINE, DONE}, {"wire=gzip", FINE, DONE}, {"wire=chunked", FINE, DONE},
	{"wire=nolength", FINE, DONE}, {"wire=close", FINE, DONE}, {"latency=3", FINE, DONE},
	{"latency=9", FINE, DONE}, {"arrays=1", FINE, DONE}, {"wire=gzip arrays=1", FINE, DONE},
	{"wire=drip at=40", FINE, DONE}, {"noid=1", FINE, DONE}, {"echo=1", FINE, DONE},
	{"header=x-ratelimit-remaining-requests:0 header=x-ratelimit-reset-requests:5ms", FINE, DONE},
	{"header=x-ratelimit-remaining-tokens:0 header=x-ratelimit-reset-tokens:3ms", FINE, DONE},
	{"header=Retry-After:nonsense header=x-ratelimit-reset-tokens:-1s", FINE, DONE},
	{"status=429 hold=2", PASSES, ON(75)}, {"status=429 hold=20", PASSES, ON(75)},
	{"status=500 hold=1", PASSES, ON(75)}, {"status=502 fault=flat hold=1", PASSES, ON(75)},
	{"status=503 fault=html hold=1", PASSES, ON(75)}, {"status=504 fault=string hold=1", PASSES, ON(75)},
	{"status=408 hold=3", PASSES, ON(75)}, {"status=409 hold=1", PASSES, ON(75)},
	{"status=529 hold=1 echo=1", PASSES, ON(75)}, {"status=503 header=Retry-After:0", PASSES, ON(75)},
	{"status=429 header=Retry-After:0.01", PASSES, ON(75)},
	{"status=503 header=Retry-After:Sun,~06~Nov~1994~08:49:37~GMT", PASSES, ON(75)},
	{"status=418 header=x-should-retry:true hold=1", PASSES, ON(75)},
	{"status=400 header=x-should-retry:true hold=1", PASSES, ON(75)},
	{"fault=reset", PASSES, ON(75)}, {"status=503", PASSES, ON(75)},
	{"wire=resetat at=9", PASSES, ON(75) | ON(76)}, {"wire=resetat at=150", PASSES, ON(75) | ON(76)},
	{"wire=resetat at=300", PASSES, ON(75) | ON(76)}, {"wire=cut", PASSES, ON(76)},
	{"wire=half", PASSES, ON(76)}, {"wire=chunkcut", PASSES, ON(76)},
	{"status=400", REFUSES, SOME | ON(65)}, {"status=413 fault=string", REFUSES, SOME | ON(65)},
	{"status=422 fault=flat echo=1", REFUSES, SOME | ON(65)},
	{"status=401", ENDS, ON(77)}, {"status=403 echo=1", ENDS, ON(77)}, {"status=404", ENDS, ON(78)},
	{"status=402", ENDS, ON(69)}, {"status=429 fault=quota", ENDS, ON(69)},
	{"status=429 fault=quota header=x-should-retry:true", ENDS, ON(69)},
	{"status=418", ENDS, ON(69)}, {"status=204 fault=empty", ENDS, ON(69)},
	{"status=503 header=x-should-retry:false", ENDS, ON(69)}, {"status=429 header=Retry-After:121", ENDS, ON(75)},
	{"status=503 header=Retry-After:Fri,~31~Dec~2100~23:59:59~GMT", ENDS, ON(75)},
	{"status=301 header=Location:http://127.0.0.1:9/v1", ENDS, ON(76)},
	{"status=307 header=Location:/v1/embeddings", ENDS, ON(76)},
	{"fault=few", ENDS, ON(76)}, {"fault=more", ENDS, ON(76)}, {"fault=range", ENDS, ON(76)},
	{"fault=word", ENDS, ON(76)}, {"fault=nan", ENDS, ON(76)}, {"fault=inf", ENDS, ON(76)},
	{"fault=nan arrays=1", ENDS, ON(76)}, {"fault=inf arrays=1", ENDS, ON(76)},
	{"fault=null arrays=1", ENDS, ON(76)}, {"fault=zero", ENDS, ON(76)}, {"fault=zero arrays=1", ENDS, ON(76)},
	{"fault=dim", ENDS, ON(76)}, {"fault=dim arrays=1", ENDS, ON(76)}, {"fault=html echo=1", ENDS, ON(76)},
	{"fault=error echo=1", ENDS, ON(76)}, {"fault=shape", ENDS, ON(76)}, {"fault=empty", ENDS, ON(76)},
	{"wire=garbage", ENDS, ON(76)}, {"wire=badgzip", ENDS, ON(76)}, {"wire=gzipcut", ENDS, ON(76)},
	{"wire=bomb", ENDS, ON(76)}, {"wire=encoding", ENDS, ON(76)}
};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

#endif
