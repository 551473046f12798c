#!/usr/bin/env bash
# Brings wrk, which loads the servers that `make bench-server` measures.
set -euo pipefail

if command -v wrk > /dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "The benchmark of servers needs wrk. Please install it, then try again:" >&2
  echo "  sudo apt-get install --no-install-recommends wrk" >&2
  exit 1
fi
echo "Installing wrk for the benchmarks"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends wrk > /dev/null
