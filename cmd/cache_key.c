/* cache_key: key llm|embedding|validation. */
#include "base/num.h"
#include "cache/key.h"
#include "cache_tool.h"
#include "record/record.h"

/* The text: an operand, or with "-" or none standard input, as it stands. */
static int
input_text(struct tool *t, struct file *file, struct slice *out)
{
	const char *word = t->word_count > 1 ? t->words[1] : "-";
	int rc;

	if (strcmp(word, "-") != 0) {
		*out = slice_of(word);
		return 0;
	}
	rc = file_open(file, "-", CACHE_VALUE_MAX, &t->cli->err);
	*out = file->text;
	return rc;
}

/* Only what comes out the same again is worth keeping. */
static int
key_of_answer(struct tool *t, struct slice prompt, char key[KEY_SIZE])
{
	const struct settings *s = t->s;
	struct key_llm k = {
		.model = slice_of(s->model), .prompt = prompt, .temperature = slice_of(s->temperature),
		.system = slice_of(s->system), .max_tokens = slice_of(s->max_tokens), .tools = slice_of(s->tools),
		.seed = slice_of(s->seed), .response_format = slice_of(s->response_format)
	};
	double temperature;

	if (s->model == NULL)
		return cli_usage(t->cli, "key llm: --model is wanted");
	if (num_real(k.temperature, 0, 100, &temperature, "--temperature", &t->cli->err) != 0)
		return t->cli->err.code;
	if (temperature > 0) {
		err_set(&t->cli->err, C1V_NO, "an answer at temperature %s is not kept: it comes out different", s->temperature);
		log_err(&t->cli->log, &t->cli->err);
		return C1V_NO;
	}
	k.temperature = SLICE("0"); /* however it was written */
	if (s->key_template == TEMPLATE_C1V) {
		key_llm(&k, key);
		return 0;
	}
	if (s->system || s->max_tokens || s->tools || s->seed || s->response_format)
		return cli_usage(t->cli, "--key-template seed: its keys know the prompt, the model and the temperature only");
	key_llm_seed(&k, key);
	return 0;
}

static int
key_of_embedding(struct tool *t, struct slice text, char key[KEY_SIZE])
{
	const struct settings *s = t->s;
	struct key_embedding k = {
		.base = slice_of(s->api_base), .model = slice_of(s->model), .dims = s->dims,
		.query = s->role != NULL && strcmp(s->role, "query") == 0
	};

	if (s->key_template == TEMPLATE_SEED) {
		key_embedding_seed(text, key);
		return 0;
	}
	if (s->model == NULL)
		return cli_usage(t->cli, "key embedding: --model is wanted");
	if (s->role != NULL && !k.query && strcmp(s->role, "document") != 0)
		return cli_usage(t->cli, "--role: document or query");
	key_embedding(&k, text, key);
	return 0;
}

static int
key_of_project(struct tool *t, char key[KEY_SIZE])
{
	if (t->word_count < 2 || strlen(t->words[1]) == 0 || strlen(t->words[1]) > KEY_ID_MAX)
		return cli_usage(t->cli, "wanted: key validation ID, of 1 to %d bytes", KEY_ID_MAX);
	key_validation(slice_of(t->words[1]), key);
	return 0;
}

int
cache_verb_key(struct tool *t)
{
	const char *kind = t->word_count ? t->words[0] : "";
	struct slice text = SLICE_NONE;
	struct file file = {0};
	char key[KEY_SIZE];
	int rc = tool_words(t, 1, 2, "key llm|embedding|validation [TEXT|-|ID]");

	if (rc != 0)
		return rc;
	if (strcmp(kind, "validation") == 0) {
		rc = key_of_project(t, key);
	} else if (strcmp(kind, "llm") == 0 || strcmp(kind, "embedding") == 0) {
		rc = input_text(t, &file, &text);
		if (rc == 0)
			rc = (*kind == 'l' ? key_of_answer : key_of_embedding)(t, text, key);
		file_close(&file);
	} else {
		rc = cli_usage(t->cli, "key: '%s' is none of llm, embedding, validation", kind);
	}
	if (rc != 0)
		return rc;
	buf_string(&t->cli->out.buf, key);
	return out_line(&t->cli->out);
}
