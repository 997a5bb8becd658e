#!/bin/sh
# Pages: rows with a screenshot to build again (WebSight) or an instruction with requirements.
# DATA=rows.jsonl [CONFIG=8gpu] sh web.sh [arguments of train.py]
set -eu
here=$(dirname "$0")
exec accelerate launch --config_file "$here/${CONFIG:-1gpu}.yaml" "$here/train.py" \
    --domain web --data "${DATA:?names the rows, a .jsonl or .parquet file}" --out "${OUT:-runs/qwen3vl-8b-web}" \
    --tokens 2048 --context 6144 "$@"
