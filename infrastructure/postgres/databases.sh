#!/bin/sh
# One database and one role per service; no role reaches another's database (OPS-5). The image's entrypoint runs it when
# it makes the cluster. Run again it makes what is missing and takes over passwords that have changed:
#   docker compose exec postgres /docker-entrypoint-initdb.d/databases.sh
set -eu

# What the service itself is given says it all: postgres://ROLE:PASSWORD@HOST/DATABASE
part() { sed -n "s|^postgres://\([^:]*\):\([^@]*\)@[^/]*/\([^?]*\).*|\\$2|p" "/run/secrets/$1_database_url"; }

for service in user product order payment; do
  DB_ROLE=$(part $service 1) DB_PASSWORD=$(part $service 2) DB_NAME=$(part $service 3)
  [ -n "$DB_NAME" ] || { echo "${service}_database_url is not postgres://ROLE:PASSWORD@HOST/DATABASE" >&2; exit 1; }
  export DB_ROLE DB_PASSWORD DB_NAME
  psql --quiet --no-psqlrc --username="${POSTGRES_USER:-postgres}" --dbname=postgres --set=ON_ERROR_STOP=1 <<'SQL'
\getenv role DB_ROLE
\getenv password DB_PASSWORD
\getenv database DB_NAME
set log_statement = 'none';
select format('create role %I', :'role') where not exists (select from pg_roles where rolname = :'role') \gexec
alter role :"role" with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 50 password :'password';
select format('create database %I owner %I', :'database', :'role')
  where not exists (select from pg_database where datname = :'database') \gexec
revoke all on database :"database", postgres, template1 from public;
SQL
done
