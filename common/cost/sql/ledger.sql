-- The ledger. Money is whole nano-dollars; NULL is not known. Days are those of
-- UTC, counted from 1970-01-01.

-- Each text once; 0 stands for none.
CREATE TABLE IF NOT EXISTS name (
    id          INTEGER PRIMARY KEY,
    text        TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE IF NOT EXISTS usage (
    id          INTEGER PRIMARY KEY,
    time        INTEGER NOT NULL,                   -- milliseconds since 1970
    model       INTEGER NOT NULL,                   -- name
    user        INTEGER NOT NULL,                   -- name, as the next two
    project     INTEGER NOT NULL,
    tool        INTEGER NOT NULL,
    input       INTEGER NOT NULL,                   -- without the next three
    cached      INTEGER NOT NULL,
    write       INTEGER NOT NULL,
    write_1h    INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    searches    INTEGER NOT NULL,
    batch       INTEGER NOT NULL,
    cost        INTEGER,
    saved       INTEGER NOT NULL,                   -- what caches spared
    priced_as   INTEGER NOT NULL,                   -- name: the model in the price list
    price_from  TEXT NOT NULL,                      -- the day from which that price holds
    price_list  INTEGER NOT NULL,                   -- name: the list's version
    request     TEXT                                -- what makes it the same call
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS usage_request ON usage (request) WHERE request IS NOT NULL;
CREATE INDEX IF NOT EXISTS usage_time ON usage (time);

-- The sums of a day, kept with every row: what reports and budgets read.
CREATE TABLE IF NOT EXISTS day (
    day         INTEGER NOT NULL,
    model       INTEGER NOT NULL,
    user        INTEGER NOT NULL,
    project     INTEGER NOT NULL,
    tool        INTEGER NOT NULL,
    calls       INTEGER NOT NULL,
    unknown     INTEGER NOT NULL,                   -- calls without a price
    input       INTEGER NOT NULL,                   -- all of it
    cached      INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    cost        INTEGER NOT NULL,
    saved       INTEGER NOT NULL,
    PRIMARY KEY (day, model, user, project, tool)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS budget (
    per         TEXT NOT NULL,                      -- day, week, month, total
    user        INTEGER NOT NULL,                   -- 0: everybody together
    project     INTEGER NOT NULL,                   -- 0: all together
    amount      INTEGER NOT NULL,
    PRIMARY KEY (per, user, project)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS reservation (
    id          TEXT PRIMARY KEY,
    user        INTEGER NOT NULL,
    project     INTEGER NOT NULL,
    amount      INTEGER NOT NULL,
    expires     INTEGER NOT NULL                    -- milliseconds since 1970
) STRICT, WITHOUT ROWID;
