#!/bin/sh
# Every `posenc ...` line in the fenced shell blocks of README.md and of the READMEs in variants/ and
# experiments/ runs and ends with the exit code it should: 0, or N where the line ends with "# exit N".
# The two `sh ...` commands of the first screen are what CI and this test themselves are started by;
# here only their files are looked for.
#     sh check_readme.sh SOURCE BUILD
set -u
source=${1:?SOURCE}
build=${2:?BUILD}
source=$(cd "$source" && pwd)
build=$(cd "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$source/tests" "$work/tests"
ln -s "$source/variants" "$work/variants"
ln -s "$source/common" "$work/common"
ln -s "$source/README.md" "$work/README.md"
PATH=$build:$PATH
export PATH
bad=0
count=0
for page in README.md variants/*/README.md experiments/README.md; do
    [ -f "$source/$page" ] || continue
    # lines of ```sh blocks, continuation lines joined
    awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$source/$page" |
        sed -e ':a' -e '/\\$/N; s/\\\n//; ta' > "$work/lines"
    while IFS= read -r line; do
        case $line in
        "sh "*)
            file=$(echo "$line" | cut -d' ' -f2)
            [ -f "$source/$file" ] || { echo "$page: no file $file"; bad=1; }
            ;;
        "posenc "* | "cc "*)
            expected=$(echo "$line" | sed -n 's/.*# exit \([0-9]*\).*/\1/p')
            (cd "$work" && timeout 250 sh -c "$line" > out.txt 2> err.txt < /dev/null)
            got=$?
            count=$((count + 1))
            if [ "$got" != "${expected:-0}" ]; then
                echo "$page: exit $got, not ${expected:-0}: $line"
                tail -n 3 "$work/err.txt"
                bad=1
            fi
            ;;
        esac
    done < "$work/lines"
done
[ "$count" -gt 0 ] || { echo "no command found in README.md"; bad=1; }
[ $bad = 0 ] && echo "$count commands of the READMEs run"
exit $bad
