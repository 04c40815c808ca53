# Verifies one bundle of an archive without pgseal: one-bundle.sh FILE, in the directory with the keys. A short version
# of tests/stock-tools.sh: the signature of one known key over the DSSE encoding, and the digest of every file.
set -e
x=loop/$$
mkdir "$x"
tar -xf "$1" -C "$x"
id=$(openssl pkey -pubin -in release.pub -outform DER | tail -c 32 | sha256sum | cut -d' ' -f1)
{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(stat -c %s "$x/statement.json")"; cat "$x/statement.json"; } >"$x/pae"
openssl pkeyutl -verify -pubin -inkey release.pub -rawin -in "$x/pae" -sigfile "$x/signatures/$id.sig" >/dev/null
(cd "$x" && jq -r '.subject[] | "\(.digest.sha256)  \(.name)"' statement.json | sha256sum -c --quiet)
rm -rf "$x"
