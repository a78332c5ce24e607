#!/usr/bin/env bash
# Install Debian packages whose command is missing: system_packages.sh <command>[:<package>]...
# `venv` stands for a usable Python, `headers` for its C headers.  As root it installs; otherwise it says what to install.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # where servers live, and where only root looks
here=$(dirname "$0")

present() {
    case $1 in
        venv) "$here/find_python.sh" >/dev/null 2>&1 ;;
        headers) "$("$here/find_python.sh")" -c '
import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file())' 2>/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

packages=()
for wish in "$@"; do
    present "${wish%%:*}" || packages+=("${wish#*:}")
done
[ ${#packages[@]} -gt 0 ] || exit 0

# Two packages may stand behind one command: venv:python3+python3-venv.
packages=("${packages[@]//+/ }")
read -ra packages <<<"${packages[*]}"
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing on this machine.  On Debian, as root: apt-get install ${packages[*]}" >&2
    exit 1
fi

echo "setup: apt-get install ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } \
    </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    echo "setup: apt-get could not install ${packages[*]} (its words are above)" >&2
    exit 1
fi
