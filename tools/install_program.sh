#!/usr/bin/env bash
# Installs a program that a benchmark or a slow test needs, from a Debian package. Arguments: the
# program, and the package, unless it has the same name.
set -euo pipefail

if command -v "$1" > /dev/null; then exit 0; fi
package=${2:-$1}
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "This needs $1. Install it, then try again:" >&2
  echo "  sudo apt-get install --no-install-recommends $package" >&2
  exit 1
fi
echo "Installing $package"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends "$package" > /dev/null
