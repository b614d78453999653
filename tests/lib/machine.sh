# shellcheck shell=bash
# What the machine must have: Debian packages, node, a C compiler, cargo-nextest. Sourced by ./test.

machine_has_commands() {
    if ! command -v cargo >/dev/null 2>&1; then
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
        export PATH
    fi
    if ! command -v cargo >/dev/null 2>&1; then
        say "cargo is missing. Install Rust (Debian: apt-get install rustup && rustup default stable)."
        exit 1
    fi
}

# Installs those of the named Debian packages that are missing, and the tools that come in several ways.
machine_install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    command -v cc >/dev/null 2>&1 || missing+=(gcc libc6-dev)
    command -v make >/dev/null 2>&1 || missing+=(make)
    if [ "${quick:-no}" = no ] || [ "${real_shops:-no}" = yes ]; then
        command -v node >/dev/null 2>&1 || missing+=(nodejs)
        command -v npm >/dev/null 2>&1 || missing+=(npm)
    fi
    if [ "${quick:-no}" = no ] || [ "${real_shops:-no}" = yes ]; then
        python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
    fi
    if [ ${#missing[@]} -gt 0 ]; then
        apt_install "${missing[@]}" || return 1
    fi
    if ! cargo nextest --version >/dev/null 2>&1; then
        say "   installing cargo-nextest"
        (unset CARGO_TARGET_DIR; cargo install --locked cargo-nextest) || return 1
    fi
}

apt_install() {
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            say "missing: $*. Install them as root: apt-get install $*"
            return 1
        fi
        sudo=(sudo)
    fi
    say "   installing $*"
    local apt=(${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update >"$temp/apt.log" 2>&1 &&
        "${apt[@]}" install -y --no-install-recommends "$@" >>"$temp/apt.log" 2>&1 && return
    tail -n 30 "$temp/apt.log"
    return 1
}
