#!/usr/bin/env bash
# Runs Windows programs on this machine, for the tests beside this file, with the wine of
# Debian 13 (Debian 12's lacks functions that Go needs), in its own namespaces whose only
# network is loopback. It needs root, debootstrap and 2 GB of disk.
#
#   wine.sh prepare         install it below WINE_HOME; about 2 minutes, once
#   wine.sh session CMD...  run a command in the namespaces, where wine's root folder
#                           is WINE_ROOT: a copy that is deleted with the session
set -euo pipefail

home=${WINE_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-ociapm/wine}
base=$home/trixie
export WINEPREFIX=/wine WINEDEBUG=-all
# Disables wine's parts for windows, .NET and HTML, which the tests do not need.
export WINEDLLOVERRIDES="mscoree,mshtml,explorer.exe,winex11.drv,winewayland.drv="

prepare() {
  [[ -e $base/.complete ]] && return
  echo "installing Debian 13 with wine" >&2
  rm -rf "$base"
  mkdir -p "$base/etc/dpkg/dpkg.cfg.d"
  echo force-unsafe-io >"$base/etc/dpkg/dpkg.cfg.d/fast" # after a crash, everything is installed again
  debootstrap --variant=minbase --include=wine64 trixie "$base" >"$home/prepare.log" 2>&1 || { cat "$home/prepare.log" >&2; exit 1; }
  chroot "$base" apt-get clean
  echo "127.0.0.1 localhost" >"$base/etc/hosts"
  # wineserver writes the registry after the last program has exited.
  in_namespaces install_windows "$base" >>"$home/prepare.log" 2>&1 || { cat "$home/prepare.log" >&2; exit 1; }
  touch "$base/.complete"
}

in_namespaces() {
  unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private "${BASH_SOURCE[0]}" "$@"
}

install_windows() {
  mount --bind /proc "$1/proc"
  chroot "$1" sh -ec "/usr/lib/wine/wine64 wineboot --init; /usr/lib/wine/wineserver64 --wait; test -e $WINEPREFIX/system.reg"
}

session() {
  [[ -e $base/.complete ]] || { echo "wine.sh: call prepare first" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/upper" "$work/work" "$work/root"
  in_namespaces inside "$work" "$@"
}

# This process is the first of its pid namespace: programs that the command leaves running
# are killed when it exits.
inside() {
  local work=$1
  shift
  export WINE_ROOT=$work/root
  ip link set lo up
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" "$WINE_ROOT"
  mount --bind /proc "$WINE_ROOT/proc"
  mount --bind /dev "$WINE_ROOT/dev"
  mkdir -p "$WINE_ROOT${TMPDIR:-/tmp}"
  mount --bind "${TMPDIR:-/tmp}" "$WINE_ROOT${TMPDIR:-/tmp}"
  "$@"
}

case ${1:-} in
prepare | session | install_windows | inside) "$@" ;;
*) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
