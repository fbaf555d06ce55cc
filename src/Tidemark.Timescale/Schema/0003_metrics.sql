-- Every metric that the store has or had: the configured ones and those that came with readings.
CREATE TABLE IF NOT EXISTS tidemark.metrics (
    position smallint PRIMARY KEY,          -- its place in tidemark.sensors.metrics, never used again
    name text NOT NULL,
    first_seen timestamptz,                 -- when a value of it was first written; NULL when none was since this is noted
    removed boolean NOT NULL DEFAULT false  -- its columns have the name 'removed POSITION'
);

CREATE UNIQUE INDEX IF NOT EXISTS metrics_name ON tidemark.metrics (name) WHERE NOT removed;

-- The positions of the metrics that a sensor ever sent; NULL where that isn't noted yet.
ALTER TABLE tidemark.sensors ADD COLUMN IF NOT EXISTS sent smallint[];
