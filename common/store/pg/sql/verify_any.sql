-- What must hold of any table. $1: the dimensions of the collection, 0 when they are not known; $2: the table's name.
SELECT format('row %s: its vector has %s dimensions, not %s', {k_id}, {ext}.vector_dims(k.{embedding}), $1)
FROM {table} k
WHERE k.{embedding} IS NOT NULL AND $1 > 0 AND {ext}.vector_dims(k.{embedding}) <> $1 {where}
LIMIT 20;

-- Of unit length or not, but not zero: such a vector is near to nothing, and in no index.
SELECT format('row %s: its vector is zero', {k_id})
FROM {table} k
WHERE k.{embedding} IS NOT NULL AND {norm}(k.{embedding}) = 0 {where}
LIMIT 20;

SELECT format('the index %s is not valid', c.relname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $2::regclass AND NOT (i.indisvalid AND i.indisready)
LIMIT 20;
