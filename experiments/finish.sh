#!/bin/sh
# Make notebooks_out/finished again from the folder of a run: the picture of the README, every table of
# verdicts, and the notebooks, with small pictures, as far as they fit into 3 MB of version control.
#   sh experiments/finish.sh [FOLDER]      FOLDER: notebooks_out, as sh experiments/run.sh fills it
set -eu
case ${1:-} in
-*) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
order="distance_sensitivity symmetry numerical_precision extrapolation clipping gallery learning probes
    effective_context bugs_in_angles bugs_in_conventions bugs_in_shifts bugs_in_offsets bugs_in_slopes bugs_in_training cost"
limit=3072 # KiB
width=640 # pixels of a picture in a notebook
cd "$(dirname "$0")/.."
run=${1:-notebooks_out}
[ -f "$run/distance_sensitivity/run.json" ] || { echo "no finished run in $run; sh experiments/run.sh makes one" >&2; exit 1; }
for tool in python3 gnuplot; do
    command -v $tool >/dev/null || { echo "$tool is missing: it makes the pictures small" >&2; exit 3; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kept=notebooks_out/finished
mkdir -p "$work/finished"
for folder in "$run"/*/; do
    [ -f "$folder/verdicts.csv" ] && cp "$folder/verdicts.csv" "$work/finished/$(basename "$folder").verdicts.csv"
done
# Over the whole width of the README's page.
python3 experiments/finish_notebook.py "$run/distance_sensitivity/shares.gp" "$work/finished/shares.png" 1280
size=$(du -sk --apparent-size "$work/finished" | cut -f1)
for id in $order; do
    [ -f "$run/$id/$id.ipynb" ] || continue
    python3 experiments/finish_notebook.py "$run/$id/$id.ipynb" "$work/small.ipynb" $width
    more=$(du -k --apparent-size "$work/small.ipynb" | cut -f1)
    if [ $((size + more)) -le $limit ]; then
        mv "$work/small.ipynb" "$work/finished/$id.ipynb"
        size=$((size + more))
    else
        echo "$id.ipynb, $more KiB, does not fit" >&2
    fi
done
[ "$size" -le $limit ] || { echo "$size KiB are more than $limit: not kept" >&2; exit 1; }
rm -rf "$kept"
mkdir -p notebooks_out
mv "$work/finished" "$kept"
echo "$kept: $size KiB"
