#!/bin/sh
# Make notebooks_out/finished again: the notebooks and pages of one run of all experiments, small enough
# to keep under version control (at most 3 MB).
#   sh experiments/finish.sh [POSENC]      POSENC: build/release/posenc
set -eu
cd "$(dirname "$0")/.."
posenc=${1:-build/release/posenc}
[ -x "$posenc" ] || { echo "no $posenc; run sh experiments/run.sh first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$posenc" run all --quiet --out "$work/run"
kept=notebooks_out/finished
rm -rf "$work/finished"
mkdir -p "$work/finished"
for folder in "$work"/run/*/; do
    id=$(basename "$folder")
    cp "$folder/$id.ipynb" "$folder/$id.html" "$work/finished/"
    cp "$folder/verdicts.csv" "$work/finished/$id.verdicts.csv"
done
cp "$work/run/distance_sensitivity/shares.svg" "$work/finished/shares.svg"
size=$(du -sk "$work/finished" | cut -f1)
[ "$size" -le 3072 ] || { echo "$size KiB are more than 3 MB: not kept" >&2; exit 1; }
mkdir -p notebooks_out
rm -rf "$kept"
mv "$work/finished" "$kept"
echo "$kept: $size KiB"
