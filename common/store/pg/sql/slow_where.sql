-- Where pg_stat_statements is, if it is.
SELECT quote_ident(n.nspname)
FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
WHERE x.extname = 'pg_stat_statements'
