#!/bin/sh
# Make notebooks_out/finished again from one run of experiments: every table of verdicts, and, with
# small pictures, the notebooks of the first of these as far as they fit into 3 MB of version control.
#   sh experiments/finish.sh [POSENC [EXPERIMENT...]]      POSENC: build/release/posenc, EXPERIMENT: all
set -eu
order="distance_sensitivity symmetry numerical_precision extrapolation learning clipping probes
    effective_context gallery cost"
limit=3072
cd "$(dirname "$0")/.."
posenc=${1:-build/release/posenc}
[ $# -gt 0 ] && shift
[ -x "$posenc" ] || { echo "no $posenc; run sh experiments/run.sh first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
"$posenc" run "${@:-all}" --quiet --png-width 480 --plot png --out "$work/run" || status=$?
[ $status -le 1 ] || exit $status # 1: a check failed; its table says which
kept=notebooks_out/finished
rm -rf "$work/finished"
mkdir -p "$work/finished"
for folder in "$work"/run/*/; do
    id=$(basename "$folder")
    cp "$folder/verdicts.csv" "$work/finished/$id.verdicts.csv"
done
cp "$work/run/distance_sensitivity/shares.png" "$work/finished/shares.png" # the README shows it
size=$(du -sk "$work/finished" | cut -f1)
for id in $order; do
    [ -f "$work/run/$id/$id.ipynb" ] || continue
    more=$(du -k "$work/run/$id/$id.ipynb" | cut -f1)
    if [ $((size + more)) -le $limit ]; then
        cp "$work/run/$id/$id.ipynb" "$work/finished/"
        size=$((size + more))
    fi
done
[ "$size" -le $limit ] || { echo "$size KiB are more than $limit: not kept" >&2; exit 1; }
mkdir -p notebooks_out
rm -rf "$kept"
mv "$work/finished" "$kept"
echo "$kept: $size KiB"
