#!/bin/sh
# Slides in HTML: rows with a prompt and no picture.
# DATA=rows.jsonl [CONFIG=8gpu] sh slide.sh [arguments of train.py]
set -eu
here=$(dirname "$0")
exec accelerate launch --config_file "$here/${CONFIG:-1gpu}.yaml" "$here/train.py" \
    --domain slide --data "${DATA:?names the rows, a .jsonl or .parquet file}" --out "${OUT:-runs/qwen3vl-8b-slide}" \
    --tokens 2048 --context 4096 "$@"
