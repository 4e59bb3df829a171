# contract: what holds for every kind of store. tests/run runs each suite of
# this directory once for each driver, named by C1V_TEST_STORE (sqlite).
#
#     driver            sqlite or postgres
#     collection NAME…  make collections where they do not make themselves
#
# What differs is here and in c1v-postgres(7), and is asked for where it does
# (`[ "$driver" = … ]`):
#
#   a new collection     SQLite: made by its first record. PostgreSQL: by c1v-store
#                        init alone (else 78), for a table may be somebody else's
#   stop words           PostgreSQL's `english` takes "on" and "the" for no words
#                        (init --tokenizer unicode61: `simple`, which keeps them)
#   scores by words      SQLite: bm25. PostgreSQL: ts_rank_cd, so the order among
#                        hits by words, and that of hybrid search, can differ
#   metadata             PostgreSQL keeps its keys in an order of its own (jsonb);
#                        its values are the same, numbers to the last digit
#   1e1 in KEY=VALUE     is the text 10 in PostgreSQL, as jsonb writes it
#   an index on vectors  PostgreSQL's is approximate as hnsw is; --exact is the same
#   limits               PostgreSQL refuses (65) a document whose words need more
#                        than 1 MB, and \u0000 or half a surrogate in metadata
#   several writers      SQLite: one after the other, for each batch. PostgreSQL:
#                        side by side, but for the same document
#   not there            SQLite: 1, no such file. PostgreSQL: 69 no server, 78 no
#                        such database, 1 no such collection

load ../helper
load records
load ../servers/postgres

driver=${C1V_TEST_STORE:-sqlite}

setup_file() {
	if [ "$driver" = postgres ]; then
		postgres_start
	fi
}

teardown_file() {
	if [ "$driver" = postgres ]; then
		postgres_stop
	fi
}

setup() {
	c1v_setup
	if [ "$driver" = postgres ]; then
		postgres_database
		collection documents
	fi
}

collection() {
	local name

	for name; do
		if [ "$driver" = postgres ]; then
			c1v-store init -c "$name" --index none >/dev/null
		fi
	done
}
