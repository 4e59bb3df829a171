-- The cache. Times are milliseconds since 1970; hash and sum are those of
-- base/sum.h, as signed numbers.

-- One row: what every writer needs, and how far the hits were folded in.
CREATE TABLE IF NOT EXISTS state (
    id          INTEGER PRIMARY KEY,
    next        INTEGER NOT NULL,                   -- the id of the next entry: never given twice
    bytes       INTEGER NOT NULL,                   -- sum of life.size
    used        INTEGER NOT NULL,                   -- the latest life.used that was given to a new entry
    expired     INTEGER NOT NULL,                   -- entries removed because their time was over
    hits        INTEGER NOT NULL,                   -- the file of hits that is being folded in
    folded      INTEGER NOT NULL,                   -- up to this offset
    done        INTEGER NOT NULL,                   -- the file before it, folded in whole
    sum         INTEGER NOT NULL                    -- over this row
) STRICT;

-- What a lookup reads; the small rows that tell without the value.
CREATE TABLE IF NOT EXISTS entry (
    key         BLOB PRIMARY KEY,
    id          INTEGER NOT NULL,
    made        INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    hash        INTEGER NOT NULL,                   -- over the value
    sum         INTEGER NOT NULL                    -- over this row
) STRICT, WITHOUT ROWID;

-- Written once and in order, so that values fill whole pages.
CREATE TABLE IF NOT EXISTS value (
    id          INTEGER PRIMARY KEY,
    key         BLOB NOT NULL,
    value       BLOB NOT NULL
) STRICT;

-- What changes with use and decides who goes first.
CREATE TABLE IF NOT EXISTS life (
    id          INTEGER PRIMARY KEY,
    used        INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    size        INTEGER NOT NULL,                   -- bytes of the file, near enough
    area        INTEGER NOT NULL,
    tags        INTEGER NOT NULL                    -- how many
) STRICT;
CREATE INDEX IF NOT EXISTS life_used ON life (used);
CREATE INDEX IF NOT EXISTS life_expires ON life (expires);

CREATE TABLE IF NOT EXISTS tag (
    tag         BLOB NOT NULL,
    id          INTEGER NOT NULL,
    PRIMARY KEY (tag, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tag_id ON tag (id);

-- Groups of keys. entries and bytes are exact: changed with life.
CREATE TABLE IF NOT EXISTS area (
    id          INTEGER PRIMARY KEY,
    name        BLOB NOT NULL UNIQUE,
    entries     INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,
    evictions   INTEGER NOT NULL DEFAULT 0,
    hits        INTEGER NOT NULL DEFAULT 0,
    misses      INTEGER NOT NULL DEFAULT 0,
    latency     BLOB                                -- CACHE_LATENCIES numbers of 8 bytes
) STRICT;

CREATE TABLE IF NOT EXISTS saving (
    area        INTEGER NOT NULL,
    model       BLOB NOT NULL,
    tokens      INTEGER NOT NULL,
    PRIMARY KEY (area, model)
) STRICT, WITHOUT ROWID;
