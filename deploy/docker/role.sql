-- Runs once, by the image, when the volume is created: the role that owns the database, so that Tidemark is no superuser.
-- Its password is the last field of the pass file; psql reads it itself, so it is in no argument, and not logged either.
SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';
\set password `cut -d: -f5 /run/secrets/pgpass`
CREATE ROLE tidemark LOGIN PASSWORD :'password';
-- Tidemark's own tables lie in a schema of the role's name, which would otherwise come before public.
ALTER ROLE tidemark SET search_path = public;
ALTER DATABASE :"DBNAME" OWNER TO tidemark;
