#include "embed/tokens.h"

int64_t
count_tokens(const char *model, struct slice text)
{
	(void)model;
	return (int64_t)(text.n / 2 + text.n % 2);
}

struct slice
cut_tokens(const char *model, struct slice text, int64_t limit)
{
	size_t n = (size_t)limit * 2;

	(void)model;
	if (n >= text.n)
		return text;
	while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	if (n == 0)
		for (n = 1; n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80;)
			n++;
	return (struct slice){text.p, n};
}
