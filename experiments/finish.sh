#!/bin/sh
# Make notebooks_out/finished again: the notebooks of one run of all experiments, with small pictures, so
# that they can be kept under version control (at most 3 MB).
#   sh experiments/finish.sh [POSENC]      POSENC: build/release/posenc
set -eu
cd "$(dirname "$0")/.."
posenc=${1:-build/release/posenc}
[ -x "$posenc" ] || { echo "no $posenc; run sh experiments/run.sh first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$posenc" run all --quiet --png-width 592 --plot png --out "$work/run"
kept=notebooks_out/finished
rm -rf "$work/finished"
mkdir -p "$work/finished"
for folder in "$work"/run/*/; do
    id=$(basename "$folder")
    cp "$folder/$id.ipynb" "$work/finished/"
    cp "$folder/verdicts.csv" "$work/finished/$id.verdicts.csv"
done
cp "$work/run/distance_sensitivity/shares.png" "$work/finished/shares.png"
size=$(du -sk "$work/finished" | cut -f1)
[ "$size" -le 3072 ] || { echo "$size KiB are more than 3 MB: not kept" >&2; exit 1; }
mkdir -p notebooks_out
rm -rf "$kept"
mv "$work/finished" "$kept"
echo "$kept: $size KiB"
