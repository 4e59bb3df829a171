/* wire: how an answer of the scripted server goes out, whole or not. */
#ifndef C1V_FAKE_WIRE_H
#define C1V_FAKE_WIRE_H

#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "plan.h"

enum { BOMB_PIECES = 50, BOMB_CODES = 160000 }; /* of 258 zeros each: 2 GB, 41 MB a piece */

static void
wire_pause(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static int
wire_write(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return 0;
		p += done;
		n -= (size_t)done;
	}
	return 1;
}

/* The connection breaks: what was not read by the other side is lost. */
static void
wire_reset(int fd)
{
	struct linger hard = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static uint32_t
wire_crc(const char *p, size_t n)
{
	uint32_t c = 0xffffffffu;

	while (n--) {
		c ^= (unsigned char)*p++;
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
	}
	return ~c;
}

static void
wire_little(struct buf *b, uint32_t v, int bytes)
{
	while (bytes--) {
		buf_byte(b, (char)(v & 255));
		v >>= 8;
	}
}

/* A gzip file that does not make its content smaller (RFC 1952, stored blocks). */
static void
wire_gzip(struct buf *out, const struct buf *in)
{
	size_t at = 0;

	buf_add(out, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	do {
		size_t n = in->len - at < 60000 ? in->len - at : 60000;

		buf_byte(out, at + n == in->len);
		wire_little(out, (uint32_t)n, 2);
		wire_little(out, ~(uint32_t)n, 2);
		buf_add(out, in->data + at, n);
		at += n;
	} while (at < in->len);
	wire_little(out, wire_crc(in->data, in->len), 4);
	wire_little(out, (uint32_t)in->len, 4);
}

/* A block of zeros that never ends: fixed codes of "258 bytes as the last one", 13 bits each
 * (11000101 00000, least significant bit first in each byte), behind one zero. */
static void
wire_bomb(int fd, const char *extra)
{
	struct buf b = {0};
	uint64_t bits = 3 | (uint64_t)0x0c << 3; /* last block, fixed codes; the literal 0 (00110000) */
	int n = 11, open = 1;

	buf_format(&b, "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
	    "Connection: close\r\n%s\r\n", extra);
	buf_add(&b, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	for (int piece = 0; piece < BOMB_PIECES && open; piece++) {
		for (int i = 0; i < BOMB_CODES; i++) {
			bits |= (uint64_t)0xa3 << n; /* 11000101 read from its other end */
			n += 13;
			for (; n >= 8; n -= 8, bits >>= 8)
				buf_byte(&b, (char)(bits & 255));
		}
		open = wire_write(fd, b.data, b.len);
		b.len = 0;
	}
	buf_free(&b);
}

static void
wire_chunks(int fd, const struct buf *body, int whole)
{
	size_t step = body->len / 3 + 1;
	char head[20];

	for (size_t at = 0; at < body->len; at += step) {
		size_t n = body->len - at < step ? body->len - at : step;

		snprintf(head, sizeof(head), "%zx\r\n", n);
		if (!whole && at > 0)
			n /= 2;
		if (!wire_write(fd, head, strlen(head)) || !wire_write(fd, body->data + at, n) || n < 1 ||
		    (!whole && at > 0) || !wire_write(fd, "\r\n", 2))
			return;
	}
	if (whole)
		wire_write(fd, "0\r\n\r\n", 5);
}

/* In pieces of a byte or more, over at least body->len * 50 ms with `at` 0. */
static void
wire_drip(int fd, const struct buf *body, int piece)
{
	size_t step = piece > 0 ? (size_t)piece : 1;

	for (size_t at = 0; at < body->len; at += step) {
		if (!wire_write(fd, body->data + at, body->len - at < step ? body->len - at : step))
			return;
		wire_pause(piece > 0 ? 1 : 50);
	}
}

/* Until the other side has gone, ten seconds at most. */
static void
wire_stall(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	poll(&p, 1, 10000);
}

static int
wire_has(const struct plan *p, const char *name)
{
	return plan_is(p->wire, name) || plan_is(p->fault, name);
}

/* Send it. 0: the connection is to be closed. */
static int
wire_send(int fd, const struct plan *p, const char *extra, int status, struct buf *body, const char *type)
{
	static const char *const open_ended[] = {"nolength", "close", "cut", "half", "chunkcut", "gzipcut", "resetat",
	    "stall", "garbage", "bomb"};
	struct buf head = {0}, packed = {0};
	const struct buf *out = body;
	int keep = 1, chunked = wire_has(p, "chunked") || wire_has(p, "chunkcut");
	size_t length;

	for (size_t i = 0; i < sizeof(open_ended) / sizeof(open_ended[0]); i++)
		keep &= !wire_has(p, open_ended[i]);
	if (wire_has(p, "bomb")) {
		wire_bomb(fd, extra);
		return 0;
	}
	if (wire_has(p, "gzip") || wire_has(p, "gzipcut") || wire_has(p, "badgzip")) {
		wire_gzip(&packed, body);
		if (wire_has(p, "badgzip"))
			packed.data[packed.len / 2] ^= 1;
		if (wire_has(p, "gzipcut"))
			packed.len = packed.len * 2 / 3;
		out = &packed;
	}
	length = out->len + (wire_has(p, "cut") ? 100 : 0);
	buf_format(&head, wire_has(p, "garbage") ? "SMTP ready %d\r\nContent-Type: %s\r\n" :
	    "HTTP/1.1 %d X\r\nContent-Type: %s\r\n", status, type);
	if (chunked)
		buf_string(&head, "Transfer-Encoding: chunked\r\n");
	else if (!wire_has(p, "nolength"))
		buf_format(&head, "Content-Length: %zu\r\n", length);
	if (out == &packed)
		buf_string(&head, "Content-Encoding: gzip\r\n");
	if (wire_has(p, "encoding"))
		buf_string(&head, "Content-Encoding: compress-by-magic\r\n");
	if (wire_has(p, "close") || wire_has(p, "nolength"))
		buf_string(&head, "Connection: close\r\n");
	buf_format(&head, "%s%s\r\n", extra, p->header);
	if (wire_has(p, "resetat")) {
		buf_add(&head, out->data, out->len);
		wire_write(fd, head.data, (size_t)p->at < head.len ? (size_t)p->at : head.len);
		wire_pause(2); /* that some of it arrives */
		wire_reset(fd);
	} else if (wire_write(fd, head.data, head.len)) {
		if (wire_has(p, "drip"))
			wire_drip(fd, out, p->at);
		else if (wire_has(p, "stall") && wire_write(fd, out->data, out->len / 2))
			wire_stall(fd);
		else if (chunked)
			wire_chunks(fd, out, !wire_has(p, "chunkcut"));
		else if (!wire_has(p, "stall"))
			wire_write(fd, out->data, wire_has(p, "half") ? out->len / 2 : out->len);
	}
	buf_free(&head);
	buf_free(&packed);
	return keep;
}

#endif
