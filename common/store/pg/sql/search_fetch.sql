-- Rows that turned out to be shown: $1 are their ids.
SELECT NULL::boolean, NULL::boolean, NULL::float8, NULL::float8, h.hash, {s_also},
	h.id, h.document, h.content, h.source, h.metadata::text, h.place::text,
	h.position, NULL::text, NULL::{vector}, h.row::text, true
FROM (
	SELECT {s_hash} AS hash, {k_id} AS id, {k_document} AS document, k.{content} AS content, {k_source} AS source,
		{k_metadata} AS metadata, {k_place} AS place, {k_position} AS position, k.{id} AS row
	FROM {table} k
	WHERE k.{id} = ANY ($1::text[]::{id_type}[]) {where}) h
