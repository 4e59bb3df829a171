/* money: dollars as whole nano-dollars, never as floating point. */
#ifndef C1V_COST_MONEY_H
#define C1V_COST_MONEY_H

#include <stdint.h>

#include "base/buf.h"

#define MONEY_DOLLAR INT64_C(1000000000)

/* A decimal number (JSON's grammar, a sign and an exponent allowed) times 10^scale,
 * rounded half away from zero. 0, or C1V_DATA when it is no number or does not fit. */
int money_scaled(struct slice number, int scale, int64_t *out, struct err *e);
/* Dollars to nano-dollars: money_scaled() with scale 9. */
int money_parse(struct slice dollars, int64_t *nano, struct err *e);
/* Append dollars without needless zeros: "0.00012", "5", "-0.5". */
void money_add(struct buf *b, int64_t nano);

#endif
