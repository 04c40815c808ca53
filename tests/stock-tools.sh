#!/usr/bin/env bash
# Re-verifies a bundle or a trust root without pgseal: tar, openssl, jq, cmp and sha256sum (and gzip for compressed files)
# are enough.
#
#   tests/stock-tools.sh BUNDLE RELEASE.pub... [--added KEY.pub...] [--tsa TSA.pem...]
#   tests/stock-tools.sh --trust TRUST.json ROOT.pub...
#
# RELEASE.pub are the keys that must have signed the release, KEY.pub those of the approvals and notarisations in it, all of
# them and no other: whether approvals are enough, and still valid, is for the reader of the output. TSA.pem are the
# certificates of the time stamping authorities. ROOT.pub are root keys that must have signed the trust root, as many as
# it asks for. They all come from your own records. Exit code 0 only when everything holds.
set -euo pipefail
export LC_ALL=C
umask 077

fail() { echo "stock-tools: $*" >&2; exit 1; }
usage() {
    echo "usage: stock-tools.sh BUNDLE RELEASE.pub... [--added KEY.pub...] [--tsa TSA.pem...]" >&2
    echo "       stock-tools.sh --trust TRUST.json ROOT.pub..." >&2
    exit 2
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sha256() { sha256sum | cut -d ' ' -f 1; }

# A key's id is the SHA-256 of its 32 raw bytes, the end of its DER form.
key_id() {
    openssl pkey -pubin -in "$1" -outform DER >"$work/spki" 2>"$work/openssl" || fail "$1 is not a public key"
    [ "$(wc -c <"$work/spki")" = 44 ] || fail "$1 is not an Ed25519 key"
    tail -c 32 "$work/spki" | sha256
}

# holds TYPE DOCUMENT KEY SIGNATURE: Ed25519 over the DSSE v1 encoding of the document.
holds() {
    { printf 'DSSEv1 %d %s %d ' "${#1}" "$1" "$(wc -c <"$2")"; cat "$2"; } >"$work/pae"
    openssl pkeyutl -verify -pubin -inkey "$3" -rawin -in "$work/pae" -sigfile "$4" >"$work/openssl" 2>&1
}

# Keys in order and no white space; jq orders them as RFC 8785 does as long as they are ASCII.
is_canonical() { jq -cSj . "$1" 2>"$work/jq" | cmp -s - "$1"; }

is_true() { jq -e "$@" >"$work/jq" 2>&1; }

# --- a trust root -----------------------------------------------------------------------------------------------------
check_trust() {
    local trust=$1 version id key text
    shift
    is_canonical "$trust" || fail "$trust is not canonical JSON"
    is_true '.format == 1 and .version >= 1 and ((.version == 1) == (has("prev_sha256") | not))' "$trust" ||
        fail "$trust is not a trust root of format 1"
    is_true '[.keys[].id] | unique == .' "$trust" || fail "a key is there twice, or out of order"
    is_true '. as $t | all(.keys[]; .role as $r | $t.roles | has($r))' "$trust" || fail "a key has no known role"
    is_true '. as $t | (.roles | has("root") and has("release")) and all(.roles | to_entries[]; .key as $r |
        .value.threshold >= 1 and .value.threshold <= ([$t.keys[] | select(.role == $r and .status != "revoked")] | length))' \
        "$trust" || fail "a role has a threshold that nobody can meet"

    # Every id is computed again, from the key and from the certificate that it is said to be of.
    jq -r '.keys[] | "\(.id) \(.public_key)"' "$trust" >"$work/keys"
    while read -r id text; do
        printf '%s' "$text" | openssl base64 -d -A >"$work/der"
        [ "$(openssl base64 -A <"$work/der")" = "$text" ] || fail "key $id is not in its one spelling"
        { openssl pkey -pubin -inform DER -in "$work/der" -outform DER 2>"$work/openssl" || true; } | cmp -s - "$work/der" ||
            fail "key $id is not a public key"
        [ "$(wc -c <"$work/der") $(tail -c 32 "$work/der" | sha256)" = "44 $id" ] || fail "the id of key $id is another key's"
    done <"$work/keys"
    jq -r '.timestamp_authorities[]? | "\(.id) \(.certificate)"' "$trust" >"$work/authorities"
    while read -r id text; do
        [ "$(printf '%s' "$text" | openssl base64 -d -A | sha256)" = "$id" ] ||
            fail "the id of authority $id is another certificate's"
    done <"$work/authorities"

    version=$(jq .version "$trust")
    : >"$work/signers"
    for key; do
        id=$(key_id "$key")
        is_true --arg id "$id" 'any(.keys[]; .id == $id and .role == "root" and .status == "active")' "$trust" ||
            fail "$key ($id) is not an active root key of $trust"
        [ -f "$trust.sigs/$version.$id.sig" ] || fail "not signed by $key ($id)"
        holds application/vnd.pgseal.trust+json "$trust" "$key" "$trust.sigs/$version.$id.sig" ||
            fail "the signature of $key ($id) is not valid"
        echo "$id" >>"$work/signers"
    done
    # The same key under two names is one key.
    is_true --argjson n "$(sort -u "$work/signers" | wc -l)" '.roles.root.threshold <= $n' "$trust" ||
        fail "$trust asks for the signatures of $(jq .roles.root.threshold "$trust") root keys"
    echo "trust root version $version $(sha256 <"$trust")"
    echo "$(sort -u "$work/signers" | wc -l) root keys signed, $(wc -l <"$work/keys") keys OK"
}

if [ "${1-}" = --trust ]; then
    [ $# -ge 3 ] || usage
    shift
    check_trust "$@"
    exit 0
fi

# --- the arguments ----------------------------------------------------------------------------------------------------
[ $# -ge 2 ] || usage
bundle=$1
shift
release_keys=() added_keys=() authorities=() kind=release
for argument; do
    case $argument in
    --added) kind=added ;;
    --tsa) kind=tsa ;;
    -*) usage ;;
    *)
        case $kind in
        release) release_keys+=("$argument") ;;
        added) added_keys+=("$argument") ;;
        tsa) authorities+=("$argument") ;;
        esac
        ;;
    esac
done
[ ${#release_keys[@]} -ge 1 ] || usage
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
release=$(sha256 <"$statement")
for key in "${release_keys[@]}"; do
    id=$(key_id "$key")
    [ -f "$work/x/signatures/$id.sig" ] || fail "not signed by $key ($id)"
    holds application/vnd.in-toto+json "$statement" "$key" "$work/x/signatures/$id.sig" ||
        fail "the signature of $key ($id) is not valid"
    echo "signatures/$id.sig" >>"$work/expected"
done

# --- the statement: one document in one spelling, a release -----------------------------------------------------------
is_canonical "$statement" || fail "statement.json is not canonical JSON"
is_true '._type == "https://in-toto.io/Statement/v1" and .predicateType == "urn:pgseal:release:v1"' "$statement" ||
    fail "the statement is not one of a release"

# --- approvals and notarisations: signed by exactly the given keys, and about this release ---------------------------
for key in ${added_keys[@]+"${added_keys[@]}"}; do
    id=$(key_id "$key")
    said=$work/x/approvals/$id.json
    [ -f "$said" ] && [ -f "$work/x/approvals/$id.sig" ] || fail "no approval or notarisation by $key ($id)"
    holds application/vnd.in-toto+json "$said" "$key" "$work/x/approvals/$id.sig" ||
        fail "the signature of $key ($id) in approvals/ is not valid"
    is_canonical "$said" || fail "approvals/$id.json is not canonical JSON"
    is_true --arg id "$release" --slurpfile release "$statement" '$release[0].predicate as $m |
        ._type == "https://in-toto.io/Statement/v1" and .predicate.format == 1 and
        .subject == [{digest: {sha256: $id}, name: ($m.release | "\(.name) \(.version)")}]' "$said" ||
        fail "approvals/$id.json is not about this release"
    case $(jq -r .predicateType "$said") in
    urn:pgseal:approval:v1)
        is_true --slurpfile release "$statement" '$release[0].predicate as $m | .predicate |
            (.decision == "approve" or .decision == "withdraw") and .release == $m.release and .target == $m.target' "$said" ||
            fail "approvals/$id.json is about another release or target"
        jq -r --arg id "$id" '.predicate | "\(.decision) by \($id) \({role, apr, at, expires, runs: (.runs // 1)} | tojson)"' "$said" >>"$work/told"
        ;;
    urn:pgseal:notarisation:v1)
        jq -r --arg id "$id" '.predicate.signatures[] | "\(.key_id) \(.sha256) \(.at) \($id)"' "$said" >>"$work/seen"
        ;;
    *) fail "approvals/$id.json is of no known kind" ;;
    esac
    printf 'approvals/%s.json\napprovals/%s.sig\n' "$id" "$id" >>"$work/expected"
done
# What a notary saw is told where the same signature is still there.
if [ -f "$work/seen" ]; then
    while read -r id digest at notary; do
        for signature in "$work/x/signatures/$id.sig" "$work/x/approvals/$id.sig"; do
            if [ -f "$signature" ] && [ "$(sha256 <"$signature")" = "$digest" ]; then
                echo "the signature by $id seen at $at by $notary" >>"$work/told"
            fi
        done
    done <"$work/seen"
fi

# --- time stamps: each over the 64 bytes of a signature, by a given authority ---------------------------------------
for token in "$work"/x/timestamps/*; do
    [ -f "$token" ] || continue
    id=$(basename "$token" .tsr) found=
    for signature in "$work/x/signatures/$id.sig" "$work/x/approvals/$id.sig"; do
        [ -f "$signature" ] || continue
        for authority in ${authorities[@]+"${authorities[@]}"}; do
            # The certificate is trusted as it stands, whoever issued it; a token outlives it.
            if openssl ts -verify -data "$signature" -in "$token" -token_in -CAfile "$authority" -untrusted "$authority" \
                -partial_chain -no_check_time >"$work/openssl" 2>&1; then
                found=$authority
            fi
        done
    done
    [ -n "$found" ] || fail "the time stamp for the signature by $id is of no given authority, or not valid"
    openssl ts -reply -in "$token" -token_in -token_out -text 2>"$work/openssl" |
        sed -n "s/^Time stamp: /the signature by $id stamped at /p" >>"$work/told"
    echo "timestamps/$id.tsr" >>"$work/expected"
done

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
    [ "$(sha256 <"$work/content")" = "$digest" ] || fail "$path: another content than signed"
done <"$work/files"

echo "release id $release"
[ ! -f "$work/told" ] || cat "$work/told"
echo "$(wc -l <"$work/sums") files OK"
