#include "text/bpe.h"

#include "base/utf8.h"

struct known {
	const char *model, *encoding; /* NULL: not here */
};

/* As tiktoken 0.14 has them (tiktoken/model.py). */
static const struct known exact[] = {
	{"o1", "o200k_base"}, {"o3", "o200k_base"}, {"o4-mini", "o200k_base"},
	{"gpt-5", "o200k_base"}, {"gpt-4.1", "o200k_base"}, {"gpt-4o", "o200k_base"},
	{"gpt-4", "cl100k_base"}, {"gpt-3.5-turbo", "cl100k_base"}, {"gpt-3.5", "cl100k_base"},
	{"gpt-35-turbo", "cl100k_base"}, {"davinci-002", "cl100k_base"}, {"babbage-002", "cl100k_base"},
	{"text-embedding-ada-002", "cl100k_base"}, {"text-embedding-3-small", "cl100k_base"},
	{"text-embedding-3-large", "cl100k_base"},
};

static const struct known prefixes[] = {
	{"o1-", "o200k_base"}, {"o3-", "o200k_base"}, {"o4-mini-", "o200k_base"},
	{"gpt-5", "o200k_base"}, {"gpt-4.5-", "o200k_base"}, {"gpt-4.1-", "o200k_base"},
	{"chatgpt-4o-", "o200k_base"}, {"gpt-4o-", "o200k_base"}, {"gpt-4-", "cl100k_base"},
	{"gpt-3.5-turbo-", "cl100k_base"}, {"gpt-35-turbo-", "cl100k_base"},
	{"gpt-oss-", "o200k_harmony"}, {"ft:gpt-4o", "o200k_base"}, {"ft:gpt-4", "cl100k_base"},
	{"ft:gpt-3.5-turbo", "cl100k_base"}, {"ft:davinci-002", "cl100k_base"},
	{"ft:babbage-002", "cl100k_base"},
};

static const char *
without_provider(const char *model)
{
	return strncmp(model, "openai/", 7) == 0 ? model + 7 : model;
}

const char *
bpe_encoding_of_model(const char *model)
{
	model = without_provider(model);
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		if (strcmp(model, exact[i].model) == 0)
			return exact[i].encoding;
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(model, prefixes[i].model, strlen(prefixes[i].model)) == 0)
			return prefixes[i].encoding;
	}
	return NULL;
}

int
bpe_is_encoding(const char *name)
{
	return strcmp(name, "cl100k_base") == 0 || strcmp(name, "o200k_base") == 0 ||
	    strcmp(name, "o200k_harmony") == 0;
}

struct bpe_chat
bpe_chat_of_model(const char *model)
{
	if (strcmp(without_provider(model), "gpt-3.5-turbo-0301") == 0)
		return (struct bpe_chat){.message = 4, .name = -1, .reply = 2};
	return (struct bpe_chat){.message = 3, .name = 1, .reply = 3};
}

/* --- estimates -------------------------------------------------------------------- */

enum kind { LETTERS, DIGITS, SPACES, OTHERS };

static enum kind
kind_of(unsigned char c)
{
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
		return LETTERS;
	if (c >= '0' && c <= '9')
		return DIGITS;
	return c == ' ' || (c >= '\t' && c <= '\r') ? SPACES : OTHERS;
}

size_t
bpe_estimate(struct slice text)
{
	static const size_t token[] = {[LETTERS] = 4, [DIGITS] = 3, [SPACES] = (size_t)-1, [OTHERS] = 1};
	const unsigned char *p = (const unsigned char *)text.p;
	size_t count = 0;

	for (size_t at = 0, end; at < text.n; at = end) {
		enum kind kind = kind_of(p[at]);

		end = at + 1;
		if (p[at] >= 0x80) {
			count += (p[at] & 0xc0) != 0x80;
			continue;
		}
		while (end < text.n && p[end] < 0x80 && kind_of(p[end]) == kind) {
			end++;
		}
		/* One space goes with the word behind it. */
		if (kind == SPACES && end - at == 1 && p[at] == ' ' && end < text.n)
			continue;
		count += kind == SPACES ? 1 : (end - at + token[kind] - 1) / token[kind];
	}
	return count;
}
