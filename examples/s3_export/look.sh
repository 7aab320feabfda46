#!/bin/sh
# Looks at an export of a log group to S3: is every metric line valid, what do its metrics say, and a page for the team.
# Nothing is sent to CloudWatch, which has extracted these metrics once already.
#
#   pip install 'flowemf[processor]'
#   sh examples/s3_export/look.sh s3://my-exports/chat/
#
# It needs s3:ListBucket and s3:GetObject. AWS_ENDPOINT_URL_S3 is asked where the bucket is not Amazon's. The export itself:
#
#   aws logs create-export-task --log-group-name /ecs/chat --from "$FROM_MS" --to "$TO_MS" \
#       --destination my-exports --destination-prefix chat
set -eu
export_url=${1:?"usage: sh look.sh s3://BUCKET/PREFIX/"}

# Every object below the prefix, decompressed; the time that the export puts before each event is taken off. One line in a
# hundred may be damaged: look.sh is for looking. What is wrong with it is printed.
flowemf check --max-invalid 1% "$export_url"

# Run it again after the next export, and only what is new is read.
flowemf replay "$export_url" --to local --database chat.duckdb

flowemf query flows --database chat.duckdb
flowemf query top-models --database chat.duckdb
flowemf report --database chat.duckdb --output chat.html --title "Chat, as exported"
