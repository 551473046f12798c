#!/usr/bin/env bash
# Installs a program that a benchmark needs, from the Debian package of the same name.
set -euo pipefail

if command -v "$1" > /dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "This benchmark needs $1. Install it, then try again:" >&2
  echo "  sudo apt-get install --no-install-recommends $1" >&2
  exit 1
fi
echo "Installing $1 for the benchmarks"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends "$1" > /dev/null
