-- One row a collection. Its tables are made from collection.sql.
-- generation grows by one with every committed change, so that two
-- connections can tell whether they see the same state. It begins at random,
-- so that a collection which was dropped and made again is not taken for the old.
CREATE TABLE IF NOT EXISTS collection (
    name        TEXT PRIMARY KEY,
    model       TEXT,                               -- NULL until the first vector
    api_base    TEXT,
    digest      TEXT,
    dims        INTEGER NOT NULL DEFAULT 0,
    metric      TEXT NOT NULL DEFAULT 'cosine',
    splitter    TEXT,
    tokenizer   TEXT NOT NULL DEFAULT 'porter',
    documents   INTEGER NOT NULL DEFAULT 0,
    chunks      INTEGER NOT NULL DEFAULT 0,
    vectors     INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,         -- of all contents: for the mean length in bm25
    generation  INTEGER NOT NULL DEFAULT 0,
    created_at  TEXT NOT NULL
) STRICT;
