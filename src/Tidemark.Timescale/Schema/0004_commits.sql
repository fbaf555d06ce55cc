-- What each commit of the last hour wrote, for listeners. A commit is known by its transaction, so that any snapshot tells which are new.
CREATE TABLE IF NOT EXISTS tidemark.commits (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now(),
    sensor_ids text[] COLLATE "C" NOT NULL, -- NULL for some of all sensors
    first bigint[] NOT NULL,                -- microseconds since the epoch
    last bigint[] NOT NULL,
    readings bigint[] NOT NULL
);

CREATE INDEX IF NOT EXISTS commits_xid ON tidemark.commits (xid);
