#!/usr/bin/env bash
# Unpacks a Python of another Debian release, without root and without installing anything.
# Arguments: the version, such as 3.14, and the folder that gets it. Needs a Debian, and patchelf,
# which makes the program use the libraries beside it instead of those of the system.
set -euo pipefail

version=$1 folder=$2 suite=${3:-sid}
if "$folder/usr/bin/python$version" -c '' 2> /dev/null; then exit 0; fi
mirror=$(apt-get indextargets --format '$(SITE)' | grep -E '/debian/?$' | head -n 1)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -n "$mirror" ] && [ -e "$keys" ] || { echo "No Debian mirror was found, so no Python $version." >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,packages}
touch "$work/state/status"
echo "deb [signed-by=$keys] $mirror $suite main" > "$work/sources.list"
cat > "$work/apt.conf" << END
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "$work/none";
APT::Sandbox::User "";
END
export APT_CONFIG="$work/apt.conf"
apt-get update -qq
cd "$work/packages"
apt-get download -qq \
  "python$version" "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib" \
  libc6 libgcc-s1 libexpat1 libffi8 libsqlite3-0 libssl3t64 zlib1g libbz2-1.0 liblzma5 libuuid1 \
  libzstd1 libncursesw6 libtinfo6 libreadline8t64
rm -rf "$folder"
mkdir -p "$folder"
for package in *.deb; do dpkg-deb --extract "$package" "$folder"; done
libraries=$(cd "$folder/usr/lib" && pwd)/$(basename "$(dirname "$(ls -d "$folder"/usr/lib/*/libc.so.6)")")
patchelf --set-interpreter "$libraries/ld-linux-$(uname -m | tr _ -).so.2" \
  --force-rpath --set-rpath "$libraries" "$folder/usr/bin/python$version"
"$folder/usr/bin/python$version" --version
