/* settings: the options by which tools say where what they spend is entered. */
#ifndef C1V_COST_SETTINGS_H
#define C1V_COST_SETTINGS_H

#include "base/opt.h"

/* Member `cost` of a tool's settings. */
struct cost_settings {
	const char *ledger, *user, *project;
	struct opt_list prices;
	double wait;
};

#define COST_OPTIONS(T)                                                                              \
	{ .name = "ledger", .kind = OPT_STRING, .offset = offsetof(T, cost.ledger), .argument = "URL", \
	  .env = "C1V_LEDGER", .help = "where the cost of each request is entered, as with c1v-cost, or none" }, \
	{ .letter = 'u', .name = "user", .kind = OPT_STRING, .offset = offsetof(T, cost.user),       \
	  .argument = "NAME", .env = "C1V_USER", .help = "whose cost it is" },                       \
	{ .letter = 'p', .name = "project", .kind = OPT_STRING, .offset = offsetof(T, cost.project), \
	  .argument = "NAME", .env = "C1V_PROJECT", .help = "the same for the project" },            \
	{ .name = "prices", .kind = OPT_LIST, .offset = offsetof(T, cost.prices), .argument = "FILE", \
	  .flags = OPT_FILES, .help = "a price list that lies over the shipped one (repeatable)" },  \
	{ .name = "wait", .kind = OPT_REAL, .offset = offsetof(T, cost.wait), .argument = "SECONDS", \
	  .fallback = "30", .max = 86400, .help = "how long to wait for another writer of the ledger" }

#endif
