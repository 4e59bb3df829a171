-- The functions that c1v made for a collection, and not those of others that have their names.
DO $do$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN
		SELECT p.oid
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname = {schema_text} AND p.proname IN ({match_text}, {hybrid_text})
		AND obj_description(p.oid, 'pg_proc') LIKE 'c1v: %'
	LOOP
		EXECUTE format('DROP FUNCTION %s', f);
	END LOOP;
END
$do$;
