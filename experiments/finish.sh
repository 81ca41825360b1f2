#!/bin/sh
# Make notebooks_out/finished again from one run of experiments: the picture of the README, every table
# of verdicts, and the notebooks, with small pictures in few colours, as far as they fit into 3 MB of
# version control.
#   sh experiments/finish.sh [POSENC [EXPERIMENT...]]      POSENC: build/release/posenc, EXPERIMENT: all
set -eu
order="distance_sensitivity symmetry numerical_precision extrapolation clipping gallery learning probes
    effective_context bugs_in_angles bugs_in_conventions bugs_in_shifts bugs_in_offsets bugs_in_slopes cost"
limit=3072 # KiB
width=${POSENC_FINISHED_WIDTH:-480}
cd "$(dirname "$0")/.."
posenc=${1:-build/release/posenc}
[ $# -gt 0 ] && shift
[ -x "$posenc" ] || { echo "no $posenc; run sh experiments/run.sh first" >&2; exit 1; }
command -v python3 >/dev/null || { echo "python3 makes the pictures small: install it" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
"$posenc" run "${@:-all}" --quiet --png-width "$width" --plot png --out "$work/run" || status=$?
[ $status -le 1 ] || exit $status # 1: a check failed; its table says which
kept=notebooks_out/finished
mkdir -p "$work/finished"
for folder in "$work"/run/*/; do
    id=$(basename "$folder")
    cp "$folder/verdicts.csv" "$work/finished/$id.verdicts.csv"
done
# The README shows this one over the whole width of a page, so it is drawn again, larger.
if [ -f "$work/run/distance_sensitivity/shares.png" ]; then
    "$posenc" run distance_sensitivity --quiet --quick --png-width 1280 --plot png --out "$work/large" || true
    python3 experiments/finish_notebook.py "$work/large/distance_sensitivity/shares.png" "$work/finished/shares.png"
elif [ -f $kept/shares.png ]; then
    cp $kept/shares.png "$work/finished/"
fi
size=$(du -sk --apparent-size "$work/finished" | cut -f1)
for id in $order; do
    [ -f "$work/run/$id/$id.ipynb" ] || continue
    python3 experiments/finish_notebook.py "$work/run/$id/$id.ipynb" "$work/small.ipynb"
    more=$(du -k --apparent-size "$work/small.ipynb" | cut -f1)
    if [ $((size + more)) -le $limit ]; then
        mv "$work/small.ipynb" "$work/finished/$id.ipynb"
        size=$((size + more))
    else
        echo "$id.ipynb, $more KiB, is left out" >&2
    fi
done
[ "$size" -le $limit ] || { echo "$size KiB are more than $limit: not kept" >&2; exit 1; }
rm -rf "$kept"
mkdir -p notebooks_out
mv "$work/finished" "$kept"
echo "$kept: $size KiB"
