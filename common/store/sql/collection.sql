-- The tables of the collection {c}. A chunk's id is also its slot: row
-- id >> 10 of {c}_size and {c}_block, place id & 1023 in it.

-- The manifest: what was acknowledged.
CREATE TABLE "{c}_document" (
    id          INTEGER PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE,
    chunks      INTEGER NOT NULL,
    source      TEXT,
    metadata    TEXT,                               -- a JSON object
    updated_at  TEXT NOT NULL
) STRICT;

CREATE TABLE "{c}_chunk" (
    id          INTEGER PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE,
    document    INTEGER NOT NULL REFERENCES "{c}_document" (id),
    position    INTEGER NOT NULL,                   -- 0-based in its document
    hash        INTEGER NOT NULL,                   -- first 8 bytes of SHA-256 of content
    source      TEXT,                               -- NULL: the document's
    metadata    TEXT,                               -- NULL: the document's
    place       TEXT,                               -- the record's `chunk`
    content     TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX "{c}_place" ON "{c}_chunk" (document, position);
CREATE INDEX "{c}_hash" ON "{c}_chunk" (hash);
-- The few chunks that say more than their document, for filters.
CREATE INDEX "{c}_own" ON "{c}_chunk" (document)
    WHERE metadata IS NOT NULL OR source IS NOT NULL;

-- Vectors as they came: float32, little-endian.
CREATE TABLE "{c}_vector" (
    id          INTEGER PRIMARY KEY REFERENCES "{c}_chunk" (id),
    vector      BLOB NOT NULL,
    sum         INTEGER                             -- XXH64 of vector; NULL: not known
) STRICT;

-- What a search scans, 1,024 slots a row, always full size. Apart from each
-- other, because each leg reads but one of them, and reads it whole.

-- The bytes of each content, uint32 (0: empty slot).
CREATE TABLE "{c}_size" (
    id          INTEGER PRIMARY KEY,
    sizes       BLOB NOT NULL
) STRICT;

-- All steps, float32, and then all codes: see vec.h. Not there before the first
-- vector of the collection.
CREATE TABLE "{c}_block" (
    id          INTEGER PRIMARY KEY,
    codes       BLOB NOT NULL
) STRICT;

-- Slots to be used again.
CREATE TABLE "{c}_free" (id INTEGER PRIMARY KEY) STRICT;

CREATE VIRTUAL TABLE "{c}_fts" USING fts5 (
    content, content = "{c}_chunk", content_rowid = id, tokenize = "{tokenizer}"
);

-- How many chunks hold each of the most common terms, when the count was last
-- taken; the term '' says of how many chunks. See sqlite_upkeep().
CREATE TABLE "{c}_term" (
    term        TEXT PRIMARY KEY,
    documents   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A batch becomes one segment of the index, and segments are merged eight at a
-- time: measured, this halves what FTS5 adds to the cost of a large ingest.
INSERT INTO "{c}_fts" ("{c}_fts", rank) VALUES ('hashsize', 33554432);
INSERT INTO "{c}_fts" ("{c}_fts", rank) VALUES ('automerge', 8);
