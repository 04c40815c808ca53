#!/usr/bin/env bash
# Re-verifies a bundle without pgseal: tar, openssl, jq and sha256sum (and gzip for compressed files) are enough.
#
#   tests/stock-tools.sh BUNDLE RELEASE.pub...
#
# The public keys are those that must have signed, all of them and no other. Exit code 0 only when everything holds.
set -euo pipefail
export LC_ALL=C
umask 077

fail() { echo "stock-tools: $*" >&2; exit 1; }

[ $# -ge 2 ] || { echo "usage: stock-tools.sh BUNDLE RELEASE.pub..." >&2; exit 2; }
bundle=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/x"

# --- the archive: plain files with plain names, each once, the format's name first ----------------------------------
tar -tf "$bundle" >"$work/names" 2>"$work/tar" || fail "tar can't read $bundle"
[ ! -s "$work/tar" ] || fail "tar complains: $(head -n 1 "$work/tar")"
! grep -qvxE '[A-Za-z0-9_][A-Za-z0-9._+@=-]*(/[A-Za-z0-9_][A-Za-z0-9._+@=-]*)*' "$work/names" || fail "a name outside the grammar"
[ "$(sort "$work/names" | uniq -id)" = "" ] || fail "a name is there twice"
[ "$(head -n 2 "$work/names" | tr '\n' ' ')" = "pgseal statement.json " ] || fail "not a bundle"
tar -xf "$bundle" -C "$work/x" --no-same-owner || fail "tar can't unpack $bundle"
[ "$(cat "$work/x/pgseal")" = "pgseal 1" ] || fail "not a bundle of format 1"

# Packed again in the same order by GNU tar it has the same bytes, so nothing hides between or after the files.
tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@0 --blocking-factor=1 --no-recursion \
    -C "$work/x" -T "$work/names" -cf "$work/again"
cmp -s "$bundle" "$work/again" || fail "GNU tar packs the same files to other bytes"

# --- the signatures: DSSE v1 over statement.json, by exactly the given keys -------------------------------------------
statement=$work/x/statement.json
{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c <"$statement")"; cat "$statement"; } >"$work/pae"
for key; do
    # A key's id is the SHA-256 of its 32 raw bytes, the end of its DER form.
    id=$(openssl pkey -pubin -in "$key" -outform DER | tail -c 32 | sha256sum | cut -d ' ' -f 1)
    signature=$work/x/signatures/$id.sig
    [ -f "$signature" ] || fail "not signed by $key ($id)"
    openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/pae" -sigfile "$signature" >"$work/openssl" 2>&1 ||
        fail "the signature of $key ($id) is not valid"
    echo "signatures/$id.sig" >>"$work/expected"
done

# --- the statement: one document in one spelling, a release -----------------------------------------------------------
jq -cSj . "$statement" | cmp -s - "$statement" || fail "statement.json is not canonical JSON"
jq -e '._type == "https://in-toto.io/Statement/v1" and .predicateType == "urn:pgseal:release:v1"' "$statement" >"$work/jq" ||
    fail "the statement is not one of a release"

# --- the files: exactly the signed ones ---------------------------------------------------------------------------------
jq -r '.subject[].name' "$statement" >>"$work/expected"
printf 'pgseal\nstatement.json\n' >>"$work/expected"
sort "$work/expected" >"$work/expected.sorted"
sort "$work/names" | cmp -s - "$work/expected.sorted" || fail "a file is missing, or there and not signed"
jq -r '.subject[] | "\(.digest.sha256)  \(.name)"' "$statement" >"$work/sums"
(cd "$work/x" && sha256sum --check --strict --quiet "$work/sums" >"$work/check" 2>&1) || fail "$(head -n 1 "$work/check")"

# --- their contents -----------------------------------------------------------------------------------------------------
jq -r '.predicate.files[] | "\(.stored) \(.sha256) \(.size) \(.path)"' "$statement" >"$work/files"
[ "$(wc -l <"$work/files")" = "$(wc -l <"$work/sums")" ] || fail "the statement's two lists differ"
while read -r stored digest size path; do
    case $stored in
    raw) cp "$work/x/$path" "$work/content" ;;
    gzip) gzip -dc <"$work/x/$path.gz" >"$work/content" 2>"$work/gzip" || fail "$path: gzip complains" ;;
    *) fail "$path: stored as $stored" ;;
    esac
    [ "$(wc -c <"$work/content")" = "$size" ] || fail "$path: not $size bytes"
    [ "$(sha256sum <"$work/content" | cut -d ' ' -f 1)" = "$digest" ] || fail "$path: another content than signed"
done <"$work/files"

echo "release id $(sha256sum <"$statement" | cut -d ' ' -f 1)"
echo "$(wc -l <"$work/sums") files OK"
