#!/bin/sh
# Charts: rows with a picture to draw again, or an instruction with requirements.
# DATA=rows.jsonl [CONFIG=8gpu] sh chart.sh [arguments of train.py]
set -eu
here=$(dirname "$0")
exec accelerate launch --config_file "$here/${CONFIG:-1gpu}.yaml" "$here/train.py" \
    --domain chart --data "${DATA:?names the rows, a .jsonl or .parquet file}" --out "${OUT:-runs/qwen3vl-8b-chart}" \
    --tokens 2048 --context 6144 "$@"
