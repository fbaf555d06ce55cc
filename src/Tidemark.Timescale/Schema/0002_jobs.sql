-- What TimescaleDB's own logs say is changed and not materialised again: ranges of microseconds since the epoch, both ends included.
CREATE OR REPLACE VIEW tidemark.outstanding AS
WITH kept AS (
    SELECT name AS aggregate, materialization FROM tidemark.aggregates
    UNION ALL SELECT name || ' fleet', fleet FROM tidemark.aggregates WHERE fleet IS NOT NULL)
SELECT k.aggregate, l.lowest_modified_value AS lowest, l.greatest_modified_value AS greatest
FROM kept k
JOIN _timescaledb_catalog.continuous_agg c ON c.mat_hypertable_id = k.materialization
JOIN _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l ON l.hypertable_id = c.raw_hypertable_id
UNION ALL
SELECT k.aggregate, l.lowest_modified_value, l.greatest_modified_value
FROM kept k
JOIN (
    SELECT * FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log
    UNION ALL SELECT * FROM _timescaledb_catalog.continuous_aggs_materialization_ranges
) l ON l.materialization_id = k.materialization;

-- A load that broke off longer ago than this begins anew when it is sent again.
CREATE OR REPLACE FUNCTION tidemark.forget_imports() RETURNS void LANGUAGE sql AS $$
    DELETE FROM tidemark.imports WHERE at < now() - INTERVAL '90 days'
$$;

-- Run by the database beside its refresh policies: notes of late writes are taken back once TimescaleDB has materialised what they
-- tell of, and passed on to what is built from it, sources first.
CREATE OR REPLACE PROCEDURE tidemark.forget(job_id integer DEFAULT NULL, config jsonb DEFAULT NULL)
LANGUAGE plpgsql SET timezone = 'UTC' SET search_path = pg_catalog, public AS $$
DECLARE
    a record;
BEGIN
    PERFORM tidemark.note_sensors(now() - INTERVAL '1 day');
    PERFORM tidemark.forget_imports();
    -- Signatures under rows that a refresh has taken out of the log.
    DELETE FROM tidemark.invalidations WHERE aggregate = '' AND xmin NOT IN (SELECT xmin FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log);
    FOR a IN SELECT * FROM tidemark.aggregates w WHERE EXISTS (SELECT FROM tidemark.pending p WHERE p.aggregate = w.name) OR source IS NOT NULL ORDER BY materialization LOOP
        WITH done AS (
            DELETE FROM tidemark.invalidations i USING tidemark.pending p
            WHERE p.id = i.id AND i.aggregate = a.name AND NOT EXISTS (
                SELECT FROM tidemark.outstanding o
                WHERE o.aggregate = a.name AND o.lowest < (extract(epoch FROM i.bucket + a.width) * 1000000)::bigint
                    AND o.greatest >= (extract(epoch FROM i.bucket) * 1000000)::bigint)
            RETURNING i.sensor_id, i.bucket)
        INSERT INTO tidemark.invalidations (aggregate, sensor_id, bucket)
        SELECT DISTINCT d.name, done.sensor_id, public.time_bucket(d.width, done.bucket)
        FROM done JOIN tidemark.aggregates d ON d.source = a.name;
        UPDATE tidemark.aggregates SET rewrites = rewrites + 1 WHERE name = a.name AND a.source IS NULL;
    END LOOP;
END $$;
