#!/bin/sh
# The role that the exporter reads statistics as: it sees how busy the databases are, and no row of theirs. Run again it
# takes over a password that has changed.
set -eu

PGPASSWORD=$(cat /run/secrets/postgres_password)
MONITOR_PASSWORD=$(cat /run/secrets/monitor_database_password)
export PGPASSWORD MONITOR_PASSWORD
psql --quiet --no-psqlrc --host=postgres --username=postgres --dbname=postgres --set=ON_ERROR_STOP=1 <<'SQL'
\getenv password MONITOR_PASSWORD
set log_statement = 'none';
select 'create role souk_monitor' where not exists (select from pg_roles where rolname = 'souk_monitor') \gexec
alter role souk_monitor with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 5 password :'password';
grant pg_monitor to souk_monitor;
grant connect on database postgres to souk_monitor;
SQL
