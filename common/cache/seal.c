#include "cache/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/gcm.h>
#include <nettle/memops.h>

#include "base/mem.h"
#include "base/sha.h"

enum { MAGIC_SIZE = 4, MARK_SIZE = 4, NONCE_AT = MAGIC_SIZE + MARK_SIZE, HEAD_SIZE = NONCE_AT + GCM_IV_SIZE };

static const char magic[MAGIC_SIZE] = {'c', '1', 'v', 'S'};

struct seal {
	struct gcm_aes256_ctx context; /* with the key; the nonce is set in a copy */
	uint8_t mark[MARK_SIZE];       /* says which key it is, and nothing about it */
};

/* --- the key -------------------------------------------------------------------------- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The 32 bytes that the file's content stands for. */
static int
read_key(const char *text, size_t n, uint8_t key[AES256_KEY_SIZE])
{
	if (n == AES256_KEY_SIZE) {
		memcpy(key, text, n);
		return 1;
	}
	if (n == 2 * AES256_KEY_SIZE + 1 && text[n - 1] == '\n')
		n--;
	if (n != 2 * AES256_KEY_SIZE)
		return 0;
	for (size_t i = 0; i < AES256_KEY_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return 1;
}

static int
read_file(const char *path, char *text, size_t room, ssize_t *n, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_sys(e, C1V_CONFIG, "the cache's key file %s", path);
	*n = read(fd, text, room);
	if (*n < 0 || fstat(fd, &st) != 0) {
		err_sys(e, C1V_CONFIG, "the cache's key file %s", path);
		close(fd);
		return e->code;
	}
	close(fd);
	if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
		err_set(e, C1V_CONFIG, "the cache's key file %s: others can read or change it", path);
		return err_hint(e, "chmod 600 %s", path);
	}
	return 0;
}

int
seal_open(const char *path, struct seal **out, struct err *e)
{
	uint8_t key[AES256_KEY_SIZE], sum[SHA_SIZE];
	char text[2 * AES256_KEY_SIZE + 2];
	ssize_t n = 0;
	struct seal *s;
	int rc;

	*out = NULL;
	rc = read_file(path, text, sizeof(text), &n, e);
	if (rc != 0)
		return rc;
	if (!read_key(text, (size_t)n, key)) {
		err_set(e, C1V_CONFIG, "the cache's key file %s: not 32 bytes or 64 hexadecimal digits", path);
		return err_hint(e, "openssl rand -hex 32 makes a key");
	}
	s = mem_zero(1, sizeof(*s));
	gcm_aes256_set_key(&s->context, key);
	sha_of((struct slice){(const char *)key, sizeof(key)}, sum);
	memcpy(s->mark, sum, MARK_SIZE);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	*out = s;
	return 0;
}

void
seal_close(struct seal *s)
{
	if (s != NULL)
		explicit_bzero(s, sizeof(*s));
	free(s);
}

/* --- values --------------------------------------------------------------------------- */

static void
begin(struct gcm_aes256_ctx *c, const struct seal *s, const uint8_t *nonce, struct slice key)
{
	*c = s->context;
	gcm_aes256_set_iv(c, GCM_IV_SIZE, nonce);
	gcm_aes256_update(c, key.n, (const uint8_t *)key.p);
}

int
seal_add(const struct seal *s, struct slice key, struct slice value, struct buf *out, struct err *e)
{
	struct gcm_aes256_ctx c;
	uint8_t *p = (uint8_t *)buf_reserve(out, value.n + SEAL_OVERHEAD), *nonce = p + NONCE_AT;

	if (getrandom(nonce, GCM_IV_SIZE, 0) != GCM_IV_SIZE)
		return err_sys(e, C1V_IO, "random numbers");
	memcpy(p, magic, MAGIC_SIZE);
	memcpy(p + MAGIC_SIZE, s->mark, MARK_SIZE);
	begin(&c, s, nonce, key);
	gcm_aes256_encrypt(&c, value.n, p + HEAD_SIZE, (const uint8_t *)value.p);
	gcm_aes256_digest(&c, GCM_DIGEST_SIZE, p + HEAD_SIZE + value.n);
	explicit_bzero(&c, sizeof(c));
	out->len += value.n + SEAL_OVERHEAD;
	return 0;
}

enum seal_state
seal_read(const struct seal *s, struct slice key, struct slice value, struct buf *out)
{
	const uint8_t *p = (const uint8_t *)value.p;
	uint8_t digest[GCM_DIGEST_SIZE];
	struct gcm_aes256_ctx c;
	size_t n;

	if (value.n < MAGIC_SIZE || memcmp(p, magic, MAGIC_SIZE) != 0)
		return SEAL_NONE;
	if (value.n < SEAL_OVERHEAD)
		return SEAL_DAMAGED;
	if (s == NULL || memcmp(p + MAGIC_SIZE, s->mark, MARK_SIZE) != 0)
		return SEAL_FOREIGN;
	n = value.n - SEAL_OVERHEAD;
	begin(&c, s, p + NONCE_AT, key);
	gcm_aes256_decrypt(&c, n, (uint8_t *)buf_reserve(out, n), p + HEAD_SIZE);
	gcm_aes256_digest(&c, GCM_DIGEST_SIZE, digest);
	explicit_bzero(&c, sizeof(c));
	if (!memeql_sec(digest, p + HEAD_SIZE + n, GCM_DIGEST_SIZE))
		return SEAL_DAMAGED;
	out->len += n;
	return SEAL_READ;
}
