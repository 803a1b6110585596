# What the checks of the packaging share; each sources it. Tools and what they make lie in target/, which a machine may keep.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tools=$PWD/target/packaging-tools
export PATH=$tools/venv/bin:$tools/cargo/bin:$tools:$PATH

# What users get in packages and in the image: one file that needs no library.
ots=$PWD/target/release/ots

install_command() { # a command, and the Debian package that brings it
    command -v "$1" >/dev/null || { apt-get update -qq && apt-get install -y -qq "$2" >/dev/null; }
}
fail() {
    echo "packaging: $*" >&2
    exit 1
}
# Waits, half a minute at most, until a command succeeds.
until_so() {
    for _ in $(seq 300); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "this didn't come true: $*"
}
# A port that was free a moment ago.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
