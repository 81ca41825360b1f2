# Sourced by experiments/run.sh and tests/run.sh: make sure that what a build needs is there, and configure it.
#   posenc_need MODE    MODE is run, test or all (CI: both compilers and the format); ends the script when something is missing and may not be
#                       installed (POSENC_INSTALL=no, or not Debian/Ubuntu, or no root and no sudo).
# Packages are looked for with dpkg, so an installed machine needs no network.

posenc_packages_run="gcc cmake make ninja-build pkg-config libgsl-dev libopenblas-dev libjansson-dev gnuplot-nox fonts-dejavu-core"
posenc_packages_test="$posenc_packages_run libcunit1-dev libmpfr-dev python3"
posenc_packages_all="$posenc_packages_test clang libomp-dev clang-format"

posenc_say() { printf '%s\n' "$*" >&2; }

# posenc_configure FOLDER [CMake options]: with Ninja, which builds us in two thirds of Make's time, unless the folder has its build files.
posenc_configure() {
    folder=$1
    shift
    if [ ! -f "$folder/CMakeCache.txt" ] && [ -z "${CMAKE_GENERATOR:-}" ] && command -v ninja >/dev/null; then
        set -- -G Ninja "$@"
    fi
    cmake -S . -B "$folder" "$@"
}

posenc_missing() {
    for package in $1; do
        # dpkg-query fails for a package it never heard of; under the caller's set -e that must not end us.
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=unknown
        [ "$status" = installed ] || printf '%s ' "$package"
    done
}

posenc_has_tools() {
    # What matters when dpkg does not know: another distribution, or packages built by hand.
    command -v cc >/dev/null && command -v cmake >/dev/null && command -v pkg-config >/dev/null &&
        pkg-config --exists gsl jansson
}

posenc_need() {
    eval "wanted=\$posenc_packages_$1"
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        posenc_has_tools && return 0
        posenc_say "This is not Debian or Ubuntu. Please install, under your system's names:"
        posenc_say "  $wanted"
        exit 3
    fi
    missing=$(posenc_missing "$wanted")
    [ -z "$missing" ] && return 0
    posenc_say "These packages are missing: $missing"
    if [ "${POSENC_INSTALL:-yes}" = no ]; then
        posenc_say "POSENC_INSTALL=no: nothing was installed. Install them with"
        posenc_say "  apt-get install $missing"
        exit 3
    fi
    sudo=""
    if [ "$(id -u)" != 0 ]; then
        sudo=sudo
        command -v sudo >/dev/null || {
            posenc_say "Installing needs root, and there is no sudo here. As root:"
            posenc_say "  apt-get install $missing"
            exit 3
        }
    fi
    if [ -t 0 ] && [ "${CI:-}" != true ] && [ -z "${POSENC_INSTALL:-}" ]; then
        printf 'Install them now with apt-get? [Y/n] ' >&2
        read -r answer
        case "$answer" in
        n* | N*) posenc_say "Nothing was installed."; exit 3 ;;
        esac
    fi
    # shellcheck disable=SC2086
    $sudo apt-get update >&2 &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >&2 || {
        posenc_say "apt-get could not install: $missing"
        exit 3
    }
}
