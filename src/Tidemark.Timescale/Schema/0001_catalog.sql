-- What Tidemark knows of its store beyond what TimescaleDB keeps. Times are microseconds since the epoch, as the
-- domain has them, except where rows are joined with readings.
CREATE SCHEMA IF NOT EXISTS tidemark;

CREATE TABLE IF NOT EXISTS tidemark.settings (name text PRIMARY KEY, value text NOT NULL);

-- Every sensor that ever wrote, with its last reading by event time; metrics by their position in tidemark.metrics.
CREATE TABLE IF NOT EXISTS tidemark.sensors (
    sensor_id varchar(50) COLLATE "C" PRIMARY KEY,
    time timestamptz NOT NULL,
    metrics double precision[] NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE IF NOT EXISTS tidemark.aggregates (
    name text PRIMARY KEY,
    definition text NOT NULL,          -- bucket, source and extra columns, compared by Initialize
    source text,                       -- the aggregate it is built from, NULL for raw readings
    width interval NOT NULL,           -- of its buckets
    materialization integer NOT NULL,  -- the hypertable that holds the materialised buckets
    target bigint,                     -- the end of what a refresh has begun to materialise
    horizon bigint,
    last_refresh bigint,
    carried bigint,                    -- a bucket that a rebuild put in and a refresh has still to take out
    rewrites bigint NOT NULL DEFAULT 0 -- how often materialised buckets were written again or dropped
);

-- One row for each bucket of a sensor that a late write touched; repeated rows count once.
-- One of no aggregate signs its transaction's rows in TimescaleDB's log as Tidemark's.
CREATE TABLE IF NOT EXISTS tidemark.invalidations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    aggregate text NOT NULL,
    sensor_id varchar(50) COLLATE "C" NOT NULL,
    bucket timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS invalidations_aggregate_bucket ON tidemark.invalidations (aggregate, bucket);

-- Batches of bulk loads that an append-only store has written.
CREATE TABLE IF NOT EXISTS tidemark.imports (id varchar(200) COLLATE "C" PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());

-- Where each aggregate stands. TimescaleDB's watermark is its smallest time while nothing is materialised.
ALTER TABLE tidemark.aggregates ADD COLUMN IF NOT EXISTS fleet integer; -- of the finest: the hypertable of tidemark.fleet, its buckets over all sensors together
ALTER TABLE tidemark.aggregates ADD COLUMN IF NOT EXISTS watermark bigint; -- where a rebuild found it, as long as the column carried is set
CREATE OR REPLACE VIEW tidemark.watermarks AS
SELECT a.name, greatest(a.watermark, w.watermark) AS watermark, a.horizon, a.target, a.last_refresh, a.rewrites, f.watermark AS fleet
FROM tidemark.aggregates a
LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = a.materialization
LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark f ON f.mat_hypertable_id = a.fleet;

-- Materialised buckets that wait for a refresh; those at or above a watermark are not materialised yet.
CREATE OR REPLACE VIEW tidemark.pending AS
SELECT i.id, i.aggregate, i.sensor_id, i.bucket
FROM tidemark.invalidations i
JOIN tidemark.watermarks w ON w.name = i.aggregate
WHERE i.bucket < _timescaledb_functions.to_timestamp(w.watermark);
