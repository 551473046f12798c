#!/usr/bin/env bash
# Installs the programs that the tests start and no Python package has: mariadbd, pgbouncer,
# libfaketime, which sets the clock of a process, strace, which shows its system calls, and the shell
# of Chromium. Where it cannot be installed, the whole Chromium will do.
#
# It uses packages without services, so that none is started. To use your own server instead of
# MariaDB: CHEST_TEST_MYSQL_URL=mysql://user:password@host/. Your own Chromium or Chrome:
# CHEST_TEST_CHROMIUM=/path/to/chrome
set -euo pipefail
PATH="$PATH:/usr/sbin:/usr/local/sbin"

missing() { ! command -v "$1" > /dev/null; }
can_install() { [ "$(id -u)" = 0 ] && ! missing apt-get; }

wanted=()
if { missing mariadbd || missing my_print_defaults; } && [ -z "${CHEST_TEST_MYSQL_URL:-}" ]; then
  wanted+=(mariadb-server-core mariadb-client-core)
fi
if missing chromium-headless-shell && [ -z "${CHEST_TEST_CHROMIUM:-}" ] \
  && { missing chromium || can_install; }; then
  wanted+=(chromium-headless-shell fonts-dejavu-core)
fi
if missing pgbouncer; then wanted+=(pgbouncer); fi
if missing strace; then wanted+=(strace); fi
if ! compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' > /dev/null; then wanted+=(libfaketime); fi
if [ ${#wanted[@]} -eq 0 ]; then exit 0; fi

if ! can_install; then
  echo "The tests need the programs of these packages. Install them, then try again:" >&2
  echo "  sudo apt-get install --no-install-recommends ${wanted[*]}" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
echo "Installing ${wanted[*]} for the tests"
apt-get update -qq || echo "The lists of packages are not the newest" >&2
if [[ " ${wanted[*]} " == *" mariadb-server-core "* ]]; then
  apt-get install -qq --no-install-recommends mariadb-server-core mariadb-client-core > /dev/null
fi
for package in libfaketime strace fonts-dejavu-core; do
  if [[ " ${wanted[*]} " == *" $package "* ]]; then
    apt-get install -qq --no-install-recommends "$package" > /dev/null
  fi
done
if [[ " ${wanted[*]} " == *" chromium-headless-shell "* ]]; then
  apt-get install -qq --no-install-recommends chromium-headless-shell > /dev/null \
    || ! missing chromium \
    || apt-get install -qq --no-install-recommends chromium > /dev/null
fi
if [[ " ${wanted[*]} " == *" pgbouncer "* ]]; then
  # Its package starts a service, so only the program and its libraries are installed.
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  (cd "$folder" && apt-get download -qq pgbouncer)
  libraries=$(dpkg-deb --field "$folder"/pgbouncer_*.deb Depends | grep -oE '\blib[a-z0-9.+-]+' | sort -u)
  # shellcheck disable=SC2086 # one word each
  apt-get install -qq --no-install-recommends $libraries > /dev/null
  dpkg-deb --extract "$folder"/pgbouncer_*.deb "$folder/root"
  install -m 755 "$folder/root/usr/sbin/pgbouncer" /usr/local/sbin/pgbouncer
fi
