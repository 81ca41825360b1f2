#!/bin/sh
# What the two commands of the README do on a machine where packages are missing, with a dpkg and an
# apt-get of our own in front of the real ones: they list, they ask apt-get for exactly what is missing,
# and POSENC_INSTALL=no is respected.
#     sh check_install.sh SOURCE BUILD
set -u
source=${1:?SOURCE}
source=$(cd "$source" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
say() { echo "$*"; bad=1; }

mkdir "$work/bin"
# dpkg-query as it is: exit code 1 and no output for a package that it does not know.
cat > "$work/bin/dpkg-query" <<'DPKG'
#!/bin/sh
for name; do :; done
case $name in libgsl-dev | gnuplot-nox) exit 1 ;; libjansson-dev) printf not-installed ;; *) printf installed ;; esac
DPKG
cat > "$work/bin/apt-get" <<APT
#!/bin/sh
echo "apt-get \$*" >> "$work/asked"
APT
printf '#!/bin/sh\nexec "$@"\n' > "$work/bin/sudo"
chmod +x "$work/bin/"*
PATH=$work/bin:$PATH
export PATH

# The scripts source this under `set -eu`; that must not end them where a package is missing.
need() { sh -c "set -eu; . '$source/common/packages.sh'; posenc_need run; echo reached" > "$work/out" 2> "$work/err" < /dev/null; }

POSENC_INSTALL=no need
[ $? = 3 ] || say "POSENC_INSTALL=no: not exit code 3"
grep -q 'missing: libgsl-dev libjansson-dev gnuplot-nox' "$work/err" || say "the missing packages are not listed"
[ -f "$work/asked" ] && say "POSENC_INSTALL=no: apt-get was asked"

POSENC_INSTALL=yes need || say "installing: exit code $?"
grep -q reached "$work/out" || say "the script ended before its work"
grep -q '^apt-get update' "$work/asked" 2>/dev/null || say "no apt-get update"
grep -q 'install -y .*libgsl-dev libjansson-dev gnuplot-nox' "$work/asked" 2>/dev/null ||
    say "apt-get was not asked for what is missing"

sh "$source/experiments/run.sh" --nonsense > /dev/null 2> "$work/err"
[ $? = 2 ] && grep -q -- --nonsense "$work/err" || say "run.sh takes an option for a folder"
[ $bad = 0 ] && echo "what is missing gets listed and installed"
exit $bad
