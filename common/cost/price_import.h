/* price_import: the price lists of LiteLLM (model_prices_and_context_window.json: dollars a
 * token, by model) and of genai-prices (prices/new_data/v2/data.json: dollars a million, by
 * provider), as a list of ours. */
#ifndef C1V_COST_PRICE_IMPORT_H
#define C1V_COST_PRICE_IMPORT_H

#include "base/buf.h"

struct price_import_counts {
	size_t models, passed_over; /* passed over: no price for tokens or searches, or in a form of its own */
};

/* Append one JSON object to out. 0, or C1V_DATA: text is no such list. name is for messages and is
 * noted as the source. */
int price_import(struct slice text, int litellm, const char *name, struct buf *out,
    struct price_import_counts *counts, struct err *e);

#endif
