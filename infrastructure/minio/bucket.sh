#!/bin/sh
# Makes the bucket, and an account that may read and write it and nothing else. Run again it changes nothing.
set -eu
secret() { cat "/run/secrets/$1"; }
key=$(secret s3_access_key)

mc --quiet alias set shop http://minio:9000 souk-root "$(secret minio_root_password)" >/dev/null
mc --quiet mb --ignore-existing "shop/$S3_BUCKET"

cat >/tmp/policy.json <<POLICY
{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": ["arn:aws:s3:::$S3_BUCKET"]},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": ["arn:aws:s3:::$S3_BUCKET/*"]}
  ]
}
POLICY
mc --quiet admin policy create shop souk-images /tmp/policy.json
mc --quiet admin user add shop "$key" "$(secret s3_secret_key)"
# Attaching it twice is an error, and no harm.
mc --quiet admin policy attach shop souk-images --user "$key" ||
  mc --quiet admin user info shop "$key" | grep -q souk-images
