#include "net/redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/module.h"

struct tls {
	SSL_CTX *context;
	BIO_METHOD *socket;
	int whole; /* all authorities were read */
};

struct tls_session {
	SSL *ssl;
};

/* --- the socket -------------------------------------------------------------------------
 * OpenSSL's own writes raise SIGPIPE when the server has gone. */

static int
retry(BIO *b, int flag, ssize_t n)
{
	BIO_clear_retry_flags(b);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_flags(b, flag | BIO_FLAGS_SHOULD_RETRY);
	return (int)n;
}

static int
socket_write(BIO *b, const char *p, int n)
{
	return retry(b, BIO_FLAGS_WRITE, send(*(int *)BIO_get_data(b), p, (size_t)n, MSG_NOSIGNAL));
}

static int
socket_read(BIO *b, char *p, int n)
{
	return retry(b, BIO_FLAGS_READ, recv(*(int *)BIO_get_data(b), p, (size_t)n, 0));
}

static long
socket_control(BIO *b, int what, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return what == BIO_CTRL_FLUSH;
}

static int
socket_end(BIO *b)
{
	free(BIO_get_data(b));
	return 1;
}

static BIO_METHOD *
socket_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

	if (m == NULL || !BIO_meth_set_write(m, socket_write) || !BIO_meth_set_read(m, socket_read) ||
	    !BIO_meth_set_ctrl(m, socket_control) || !BIO_meth_set_destroy(m, socket_end))
		mem_exhausted();
	return m;
}

/* --- the authorities -------------------------------------------------------------------- */

static void
tls_close(struct tls *t)
{
	SSL_CTX_free(t->context);
	BIO_meth_free(t->socket);
	free(t);
}

static int
tls_open(struct tls **out, struct err *e)
{
	const char *file = getenv("SSL_CERT_FILE");
	struct tls *t = mem_zero(1, sizeof(*t));
	int trusted;

	*out = NULL;
	t->whole = file != NULL && *file != '\0';
	t->context = SSL_CTX_new(TLS_client_method());
	t->socket = socket_method();
	if (t->context == NULL)
		mem_exhausted();
	SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
	SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	if (t->whole)
		trusted = SSL_CTX_load_verify_file(t->context, file);
	else
		trusted = SSL_CTX_set_default_verify_dir(t->context);
	if (!trusted) {
		ERR_clear_error();
		tls_close(t);
		return err_set(e, C1V_CONFIG, "%s: no certificate authorities can be read from it", file ? file : "OpenSSL");
	}
	*out = t;
	return 0;
}

static int
tls_more(struct tls *t)
{
	if (t->whole)
		return 0;
	t->whole = 1;
	return SSL_CTX_load_verify_file(t->context, X509_get_default_cert_file());
}

/* --- a connection ----------------------------------------------------------------------- */

static struct tls_session *
tls_start(struct tls *t, int fd, const char *host)
{
	struct tls_session *s = mem_zero(1, sizeof(*s));
	unsigned char address[16];
	BIO *bio = BIO_new(t->socket);
	int named, *own = mem_alloc(sizeof(*own));

	*own = fd;
	s->ssl = SSL_new(t->context);
	if (s->ssl == NULL || bio == NULL)
		mem_exhausted();
	BIO_set_data(bio, own);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
		named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), host);
	} else {
		SSL_set_hostflags(s->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		named = SSL_set1_host(s->ssl, host) && SSL_set_tlsext_host_name(s->ssl, host);
	}
	if (!named)
		mem_exhausted();
	SSL_set_connect_state(s->ssl);
	return s;
}

static ssize_t
result(struct tls_session *s, int n)
{
	switch (SSL_get_error(s->ssl, n)) {
	case SSL_ERROR_NONE:
		return n;
	case SSL_ERROR_WANT_READ:
		return IO_READ;
	case SSL_ERROR_WANT_WRITE:
		return IO_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return errno ? IO_FAILED : 0;
	default:
		/* TLS 1.3 says only after the handshake that the client had to show a certificate. */
		errno = ERR_GET_REASON(ERR_peek_error()) == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ? EACCES : EPROTO;
		return IO_FAILED;
	}
}

static int
tls_handshake(struct tls_session *s, struct err *e)
{
	const char *why;
	ssize_t n;

	ERR_clear_error();
	errno = 0;
	n = result(s, SSL_do_handshake(s->ssl));
	if (n == IO_READ || n == IO_WRITE)
		return (int)n;
	if (n > 0)
		return 0;
	if (SSL_get_verify_result(s->ssl) != X509_V_OK)
		return err_set(e, C1V_CREDENTIALS, "the server's certificate is not trusted: %s",
		    X509_verify_cert_error_string(SSL_get_verify_result(s->ssl)));
	if (n == 0 || errno != EPROTO)
		return err_set(e, C1V_AGAIN, "the connection was lost while TLS began");
	why = ERR_reason_error_string(ERR_peek_error());
	return err_set(e, C1V_PROTOCOL, "no TLS connection: %s", why ? why : "unknown");
}

static ssize_t
tls_read(struct tls_session *s, void *p, size_t n)
{
	ERR_clear_error();
	errno = 0;
	return result(s, SSL_read(s->ssl, p, (int)n));
}

static ssize_t
tls_write(struct tls_session *s, const void *p, size_t n)
{
	ERR_clear_error();
	errno = 0;
	return result(s, SSL_write(s->ssl, p, n > 1 << 30 ? 1 << 30 : (int)n));
}

static ssize_t
tls_peek(struct tls_session *s)
{
	char c;

	ERR_clear_error();
	errno = 0;
	return result(s, SSL_peek(s->ssl, &c, 1));
}

static void
tls_end(struct tls_session *s)
{
	SSL_free(s->ssl);
	free(s);
}

C1V_MODULE(struct tls_driver, net_redis_tls) = {
	.open = tls_open,
	.more = tls_more,
	.close = tls_close,
	.start = tls_start,
	.handshake = tls_handshake,
	.read = tls_read,
	.write = tls_write,
	.peek = tls_peek,
	.end = tls_end,
};
