/* What stands before a server in tests, on 127.0.0.1.
 *
 *     front tls PORT LOG CERTIFICATE KEY [1.2|1.3]
 *                            TLS (of that version only) before the server at PORT. LOG gets for each
 *                            connection "TLSv1.3" and, with the first byte inside it, "bytes"; or "refused"
 *     front proxy LOG [STATUS]
 *                            a proxy that connects any host's port to the same port here, or answers
 *                            STATUS. LOG gets what it was asked, line by line
 *
 * Prints its port and serves until its stdin ends. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct front {
	SSL_CTX *tls; /* NULL: a proxy */
	FILE *log;
	int target, status;
};

struct peer {
	const struct front *front;
	int fd;
};

static void
note(const struct front *f, const char *text)
{
	fprintf(f->log, "%s\n", text);
	fflush(f->log);
}

static int
connect_to(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
put(SSL *ssl, int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = ssl ? SSL_write(ssl, p, (int)n) : send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return 0;
		p += done;
		n -= (size_t)done;
	}
	return 1;
}

/* Both ways, until one side has ended. */
static void
relay(const struct front *f, SSL *ssl, int near, int far)
{
	struct pollfd p[2] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
	char b[65536];
	int first = 1;
	ssize_t n;

	for (;;) {
		if ((ssl == NULL || !SSL_pending(ssl)) && poll(p, 2, -1) < 0)
			return;
		if (p[0].revents || (ssl && SSL_pending(ssl))) {
			n = ssl ? SSL_read(ssl, b, sizeof(b)) : read(near, b, sizeof(b));
			if (n <= 0)
				return;
			if (ssl && first)
				note(f, "bytes");
			first = 0;
			if (!put(NULL, far, b, (size_t)n))
				return;
		}
		if (p[1].revents) {
			n = read(far, b, sizeof(b));
			if (n <= 0 || !put(ssl, near, b, (size_t)n))
				return;
		}
		p[0].revents = p[1].revents = 0;
	}
}

static void
serve_tls(const struct front *f, int fd)
{
	SSL *ssl = SSL_new(f->tls);
	int far = -1;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1) {
		note(f, "refused");
	} else {
		note(f, SSL_get_version(ssl));
		far = connect_to(f->target);
	}
	if (far >= 0) {
		relay(f, ssl, fd, far);
		close(far);
	}
	SSL_free(ssl);
}

static void
serve_proxy(const struct front *f, int fd)
{
	char head[8192], answer[80];
	size_t n = 0;
	ssize_t got;
	const char *colon;
	int far;

	do {
		got = read(fd, head + n, sizeof(head) - 1 - n);
		if (got <= 0)
			return;
		n += (size_t)got;
		head[n] = '\0';
	} while (strstr(head, "\r\n\r\n") == NULL);
	for (char *line = head, *end; *line != '\r'; line = end + 2) {
		end = strstr(line, "\r\n");
		fprintf(f->log, "%.*s\n", (int)(end - line), line);
	}
	fflush(f->log);
	if (f->status || strncmp(head, "CONNECT ", 8) != 0) {
		snprintf(answer, sizeof(answer), "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", f->status ? f->status : 405);
		put(NULL, fd, answer, strlen(answer));
		return;
	}
	*strchr(head + 8, ' ') = '\0';
	colon = strrchr(head + 8, ':');
	far = connect_to(colon ? atoi(colon + 1) : 0);
	if (far < 0) {
		put(NULL, fd, "HTTP/1.1 502 X\r\n\r\n", 18);
		return;
	}
	/* Headers of the proxy's own are no answer of the server. */
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 X\r\nx-request-id: the-proxy\r\n\r\n");
	put(NULL, fd, answer, strlen(answer));
	relay(f, NULL, fd, far);
	close(far);
}

static void *
serve(void *arg)
{
	struct peer *p = arg;

	if (p->front->tls)
		serve_tls(p->front, p->fd);
	else
		serve_proxy(p->front, p->fd);
	close(p->fd);
	free(p);
	return NULL;
}

static void *
until_end(void *arg)
{
	char c;

	(void)arg;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	_exit(0);
}

static int
set_up(struct front *f, int argc, char **argv)
{
	int version;

	if (argc >= 3 && strcmp(argv[1], "proxy") == 0) {
		f->log = fopen(argv[2], "w");
		f->status = argc > 3 ? atoi(argv[3]) : 0;
		return f->log != NULL;
	}
	if (argc < 6 || strcmp(argv[1], "tls") != 0)
		return 0;
	f->target = atoi(argv[2]);
	f->log = fopen(argv[3], "w");
	f->tls = SSL_CTX_new(TLS_server_method());
	version = argc > 6 ? strcmp(argv[6], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION : 0;
	return f->log != NULL && f->tls != NULL && SSL_CTX_use_certificate_chain_file(f->tls, argv[4]) == 1 &&
	    SSL_CTX_use_PrivateKey_file(f->tls, argv[5], SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_set_min_proto_version(f->tls, version) == 1 && SSL_CTX_set_max_proto_version(f->tls, version) == 1;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof(a);
	struct front f = {0};
	int fd = socket(AF_INET, SOCK_STREAM, 0), got;
	pthread_t t;

	signal(SIGPIPE, SIG_IGN);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!set_up(&f, argc, argv) || fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return 1;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	pthread_create(&t, NULL, until_end, NULL);
	while ((got = accept(fd, NULL, NULL)) >= 0) {
		struct peer *p = calloc(1, sizeof(*p));

		*p = (struct peer){&f, got};
		pthread_create(&t, NULL, serve, p);
		pthread_detach(t);
	}
	return 1;
}
