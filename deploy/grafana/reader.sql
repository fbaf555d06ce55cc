-- Makes the role tidemark_reader, or puts it right again: it reads readings, aggregates and the lists of sensors and metrics, and writes
-- nothing. Run by psql as a superuser, in the store's database and once the store is there; docs/grafana.md has the command.
-- The password comes by the environment, so it is in no argument, and not logged either.
SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';
\getenv password TIDEMARK_READER_PASSWORD
SELECT 'CREATE ROLE tidemark_reader' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tidemark_reader') \gexec
ALTER ROLE tidemark_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 10 PASSWORD :'password';

-- A dashboard that asks too much ends, and takes the memory and the locks of none of the others. Rights are what keeps it from writing.
ALTER ROLE tidemark_reader SET default_transaction_read_only = on;
ALTER ROLE tidemark_reader SET statement_timeout = '30s';
ALTER ROLE tidemark_reader SET idle_in_transaction_session_timeout = '1min';
ALTER ROLE tidemark_reader SET search_path = public;

GRANT CONNECT ON DATABASE :"DBNAME" TO tidemark_reader;
GRANT USAGE ON SCHEMA public, tidemark TO tidemark_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tidemark_reader;
GRANT SELECT ON tidemark.sensors, tidemark.metrics TO tidemark_reader;

-- Aggregates that Tidemark makes later, too.
SELECT tableowner AS owner FROM pg_tables WHERE schemaname = 'tidemark' AND tablename = 'sensors' \gset
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT SELECT ON TABLES TO tidemark_reader;
