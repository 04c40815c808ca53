# Verifies one signed tar of an archive, as a shell loop does: one-tar.sh FILE, in the directory with the keys.
set -e
x=loop/$$
minisign -V -q -p minisign.pub -m "$1"
mkdir "$x"
tar -xzf "$1" -C "$x"
(cd "$x" && sha256sum -c --quiet SHA256SUMS)
rm -rf "$x"
