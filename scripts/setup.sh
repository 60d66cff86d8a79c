#!/bin/sh
# Makes a fresh clone ready to run: the npm packages (Node 24 among them), and what is named as arguments from the system's
# package manager: programs (haproxy, redis-server: each has a package of its name), and python3-venv, with which Python makes
# virtual environments. Starts no service. Does nothing that is already done. Quiet when all is there.
# Exit codes: 0 ready, 1 an installation failed, 2 this system is one we can't install on.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'shardmux setup: %s\n' "$*" >&2; }

node_ready() {
  [ -x node_modules/.bin/node ] && node_modules/.bin/node -e 'process.exit(+process.versions.node.split(".")[0] >= 24 ? 0 : 1)' 2>/dev/null
}

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say 'installing the npm packages (once)'
  npm ci --no-audit --no-fund --loglevel=error >&2 || { say 'npm ci failed; see its message above'; exit 1; }
  touch node_modules/.package-lock.json
fi
if ! node_ready; then
  # Some npm versions don't run install scripts unless told to; Node's own is what brings the binary.
  (cd node_modules/node && node installArchSpecificPackage.js >&2) || true
  node_ready || { say 'Node 24 could not be installed from the npm package "node". Install Node 24 or newer and try again.'; exit 1; }
fi

is_there() {
  case $1 in
    python3-venv) python3 -c 'import ensurepip, venv' >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ;;
  esac
}

missing=
for program in "$@"; do
  is_there "$program" || missing="$missing $program"
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  say "this needs$missing, and only Debian and Ubuntu are known here. Install$missing with your system's package manager and try again."
  exit 2
fi
if [ "$(id -u)" = 0 ]; then as_root=; elif command -v sudo >/dev/null 2>&1; then as_root=sudo; else
  say "this needs$missing, and you are neither root nor have sudo. Ask an administrator to run: apt-get install$missing"
  exit 2
fi
say "installing$missing with apt-get (once)"
# Only the programs are wanted: the packages would also start them as services of this machine, on its ports, now and after each boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod 755 "$policy"
fi
# shellcheck disable=SC2086
{ $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing; } >&2 ||
  { say "apt-get could not install$missing; see its message above"; exit 1; }
if [ -d /run/systemd/system ]; then
  # Not all of them have a service.
  for program in $missing; do $as_root systemctl disable --quiet "$program" >/dev/null 2>&1 || true; done
fi
