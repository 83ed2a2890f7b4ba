#!/usr/bin/env bash
# Makes the secrets of a shop of one's own in a folder, one file each: `scripts/secrets.sh infrastructure/secrets/own`.
# What is there already is kept. Stripe's two are taken from STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRETS; without them they
# are made up, which the stand-in for Stripe takes and Stripe does not. MAIL_URL is an address such as smtps://user:password@host.
set -euo pipefail
folder=${1:?the folder, such as infrastructure/secrets/own}

mkdir -p "$folder"
# Others of this machine come to no file. Each container comes to those that it is given, whatever account it has inside.
chmod 700 "$folder"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
made=0
put() {
  [ ! -s "$folder/$1" ] || return 0
  (umask 022 && printf '%s\n' "$2" >"$folder/$1")
  made=$((made + 1))
}

put postgres_password "$(random)"
for service in user product order payment; do
  put "${service}_database_url" "postgres://${service}_service:$(random)@postgres:5432/${service}_service"
done
put redis_url "redis://:$(random)@redis:6379/0"
# The exporter of docker-compose.monitoring.yml signs in with the same.
put redis_exporter_passwords "{\"redis://redis:6379\": \"$(sed 's|.*:\([^@]*\)@.*|\1|' "$folder/redis_url")\"}"
put minio_root_password "$(random)"
put s3_access_key "souk-$(random | cut -c1-12)"
put s3_secret_key "$(random | cut -c1-40)"
put service_identity_secrets "$(random)"
put key_encryption_secret "$(random)"
put cursor_secret "$(random)"
put monitor_database_password "$(random)"
put grafana_password "$(random)"
put stripe_secret_key "${STRIPE_SECRET_KEY:-sk_test_$(random)}"
put stripe_webhook_secrets "${STRIPE_WEBHOOK_SECRETS:-whsec_$(random)}"
put mail_url "${MAIL_URL:-file:/var/lib/souk/mail}"
# What your pager and your mail server know Alertmanager by; replace what is made up.
put alert_webhook_token "${ALERT_WEBHOOK_TOKEN:-$(random)}"
put alert_smtp_password "${ALERT_SMTP_PASSWORD:-$(random)}"
echo "$made secrets made in $folder"
