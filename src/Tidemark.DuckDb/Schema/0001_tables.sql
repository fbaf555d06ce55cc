-- The catalog of a store. Times are microseconds since the epoch, as the domain has them.
CREATE SCHEMA IF NOT EXISTS internal;

CREATE TABLE IF NOT EXISTS internal.settings (name VARCHAR NOT NULL, value VARCHAR NOT NULL);

-- Integer keys are never reused: chunks and aggregates hold them.
CREATE TABLE IF NOT EXISTS internal.sensors (sensor INTEGER NOT NULL, sensor_id VARCHAR NOT NULL);

CREATE TABLE IF NOT EXISTS internal.chunks (
    chunk INTEGER NOT NULL,          -- the table is internal.chunk_N
    range_start BIGINT NOT NULL,
    range_end BIGINT NOT NULL,
    compressed BOOLEAN NOT NULL,
    bytes_before BIGINT NOT NULL     -- before compression, 0 when never compressed
);

CREATE TABLE IF NOT EXISTS internal.aggregates (
    name VARCHAR NOT NULL,
    definition VARCHAR NOT NULL,     -- bucket, source and extra columns, compared by Initialize
    watermark BIGINT,
    horizon BIGINT,
    last_refresh BIGINT
);

-- One row for each bucket of a sensor below a watermark that a late write touched; repeated rows count once.
CREATE TABLE IF NOT EXISTS internal.invalidations (aggregate VARCHAR NOT NULL, sensor INTEGER NOT NULL, bucket TIMESTAMP NOT NULL);

-- Ids are never reused: maps of readings hold them.
CREATE TABLE IF NOT EXISTS internal.metrics (
    metric SMALLINT NOT NULL,
    name VARCHAR NOT NULL,
    first_seen BIGINT,               -- null when no reading was written since this is noted
    removed BOOLEAN NOT NULL
);

-- Which metrics a sensor ever sent.
CREATE TABLE IF NOT EXISTS internal.sensor_metrics (sensor INTEGER NOT NULL, metric SMALLINT NOT NULL);

-- What the last commits wrote, for listeners that come back; bounded.
CREATE TABLE IF NOT EXISTS internal.commits (
    position BIGINT NOT NULL,        -- counts commits
    sensor INTEGER NOT NULL,         -- -1 for some of all
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    readings BIGINT NOT NULL
);

-- What a server keeps with the store beside readings.
CREATE TABLE IF NOT EXISTS internal.documents (name VARCHAR NOT NULL, text VARCHAR NOT NULL);
