#!/bin/bash
# --adopt: archives of an earlier script, tested before they count for anything, and left alone where they cannot be restored.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
write_policy - <<EOF
$(vaultwarden_policy)
[retention]
daily = 1
weekly = 1
monthly = 1
keep_last = 1
[service.plain]
path = "$ROOT/plain"
remotes = ["onedrive", "disk"]
EOF
make_data
mkdir -p "$ROOT"/{plain,old/data/sub}; head -c 200000 /dev/urandom >"$ROOT/plain/file"
echo then >"$ROOT/old/data/file"; ln -s file "$ROOT/old/data/link"; head -c 200000 /dev/urandom >"$ROOT/old/data/sub/random"; echo compose >"$ROOT/old/compose.yml"
start_webdav
OLD=$CLOUD/OdroidBackup/plain/archives
mkdir -p "$OLD"
earlier() { tar -C "$ROOT/old" -czf "$OLD/$1" "${@:2}"; }
earlier plain-2026-01-04.tar.gz data
earlier plain-2026-02-01.tar.gz ./data
earlier plain-2026-03-01.tar.gz data; truncate -s -20000 "$OLD/plain-2026-03-01.tar.gz"     # cut off
earlier plain-2026-03-08.tar.gz data compose.yml                                             # more than data/
earlier plain-2026-03-15.tar.gz -P "$ROOT/old/data/file"                                     # absolute
echo rubbish >"$OLD/plain-2026-03-22.tar.gz"                                                # no archive
: >"$OLD/plain-2026-03-29.tar.gz"                                                           # empty
earlier other-2026-01-04.tar.gz data                                                        # another service's name
earlier plain-2026-04-05.tar.gz data; echo '{"signed":{}' >"$OLD/plain-2026-04-05.tar.gz.manifest.json"

check "before: --list shows them all" gate 'backupctl --list plain'
check "… as unverified" test "$(grep -c ' unverified ' "$out") $(grep -c ' verified ' "$out")" = "8 0"
fingerprint_archives() { (cd "$OLD" && find . -name '*.tar.gz' -exec sha256sum {} + | sort); }
fingerprint_archives >"$ROOT/before"
check_exit 65 "some cannot be adopted: 65" $GATE --adopt plain
for bad in 03-01 03-08 03-15 03-22 03-29; do check_says "… plain-2026-$bad is named" "plain-2026-$bad.tar.gz on onedrive is not adopted"; done
check_says "… and why: members outside of data/" "it has members outside of data/"
check_says "… two are adopted" "5 of 7 archives of plain were not adopted"
fingerprint_archives >"$ROOT/after"
check_same "no archive was touched" "$ROOT/before" "$ROOT/after"
has_manifest() { (cd "$OLD" && printf '%s\n' *.manifest.json | sed 's/^plain-\(.*\)\.tar\.gz\.manifest\.json$/\1/' | xargs); }
check "only those two got a manifest" test "$(has_manifest)" = "2026-01-04 2026-02-01 2026-04-05"
check "… and one that was there is left alone" grep -qx '{"signed":{}' "$OLD/plain-2026-04-05.tar.gz.manifest.json"
check "sha256sum -c accepts one" bash -c "cd '$OLD' && sha256sum -c plain-2026-01-04.tar.gz.sha256"
check "… its manifest says adopted" grep -q '"status":"adopted"' "$OLD/plain-2026-01-04.tar.gz.manifest.json"
by_hand() {
  sed -n '1{s/^{"signed"://;s/,$//;p;}' "$1" | tr -d '\n' >"$ROOT/signed"
  sed -n '2s/.*"value":"\([^"]*\)".*/\1/p' "$1" | base64 -d >"$ROOT/signature"
  openssl pkeyutl -verify -pubin -inkey $STATE/host.pub -rawin -in "$ROOT/signed" -sigfile "$ROOT/signature"
}
check "… and is signed" by_hand "$OLD/plain-2026-01-04.tar.gz.manifest.json"

check "--list shows them" gate 'backupctl --list plain'
check "… as adopted" test "$(grep -c ' adopted ' "$out") $(grep -c ' unverified ' "$out")" = "2 6"
check "… in JSON" gate 'backupctl --list plain --json'
check_says "… too" '"verified":true,"adopted":true'
check "one is restored" $GATE --restore plain --archive 2026-01-04 --to "$ROOT/restored"
check "… as it was" diff -r --no-dereference "$ROOT/old/data" "$ROOT/restored/data"
cp "$OLD/plain-2026-01-04.tar.gz.manifest.json" "$ROOT/kept"; mv "$OLD/plain-2026-01-04.tar.gz" "$ROOT/ours"
earlier plain-2026-01-04.tar.gz data; rm "$OLD/plain-2026-01-04.tar.gz.manifest.json"
check_exit 65 "an archive of ours in another's place, its manifest gone: not adopted" $GATE --adopt plain
check_says "… says why" "plain-2026-01-04.tar.gz on onedrive is not adopted: this host left an archive of that date there"
check_not "… and not signed" test -e "$OLD/plain-2026-01-04.tar.gz.manifest.json"
mv "$ROOT/ours" "$OLD/plain-2026-01-04.tar.gz"; mv "$ROOT/kept" "$OLD/plain-2026-01-04.tar.gz.manifest.json"
rm "$OLD/plain-2026-04-05.tar.gz"*
# What is not adopted has no manifest, and is passed over.
check_exit 65 "the other remote has none: --verify says so" gate 'backupctl --verify plain'
check_says "… and verified the newest adopted one" "served were onedrive"
check_exit 65 "once more: the same are left, nothing is adopted twice" $GATE --adopt plain
check_says "… " "5 of 5 archives"
check "with --remote, the other one: nothing to adopt" $GATE --adopt plain --remote disk
check_says "… says so" "nothing to adopt"
check_exit 77 "a remote that is not the service's" $GATE --adopt plain --remote nothing
check_exit 77 "a service that is none" $GATE --adopt www
check_exit 64 "no name" $GATE --adopt

# Retention counts them from now on, and nothing else.
check "today's archive" gate 'backupctl --archive plain'
cp -a "$ROOT/plain" "$ROOT/as-archived"
check "… what no rule keeps of the adopted is deleted" test "$(has_manifest)" = "$(date +%F)"
tomorrow=plain-$(date -d tomorrow +%F).tar.gz
earlier "$tomorrow" data
check_exit 65 "what lies there without a manifest since this host makes archives is not adopted" $GATE --adopt plain --remote onedrive
check_says "… says why" "$tomorrow on onedrive is not adopted: this host has made its archives itself since $(date +%F)"
rm "$OLD/$tomorrow"
check "… what was not adopted is kept" test -e "$OLD/plain-2026-03-08.tar.gz" -a -e "$OLD/plain-2026-03-22.tar.gz" -a -e "$OLD/other-2026-01-04.tar.gz"

# Broken off at any point, it goes on where it was.
rm "$OLD"/plain-2026-03-*; head -c 6000000 /dev/urandom >"$ROOT/old/data/sub/random"
for day in 04 11 18; do earlier plain-2026-01-$day.tar.gz data; done
stop_webdav; start_webdav --bwlimit 3M
begin "$ROOT/adopt.out" $GATE --adopt plain --remote onedrive; adopting=$begun
wait_for 30 test -e "$OLD/plain-2026-01-18.tar.gz.manifest.json"
sleep 1; kill -9 $adopting; wait $adopting 2>/dev/null
check "killed after the first" test ! -e "$OLD/plain-2026-01-04.tar.gz.manifest.json"
stop_webdav; start_webdav
check "run again, it goes on" $GATE --adopt plain --remote onedrive
check_says "… with the two that were left" "archives 2"
check "… and leaves nothing in the spool" test -z "$(ls -A $STATE/spool)"
stop_webdav; start_webdav
check "… all are good" gate 'backupctl --list plain'
check "… " test "$(grep -c ' adopted ' "$out") $(grep -c ' unverified ' "$out")" = "3 0"

# Of what lay in the tree, without the tree's own directory: in place that one stays as it is.
earlier plain-2026-01-25.tar.gz data/file data/link
check "an archive without a member for data/ itself" $GATE --adopt plain --remote onedrive
check "… elsewhere" $GATE --restore plain --archive 2026-01-25 --to "$ROOT/elsewhere"
check "… in a directory of root's" test "$(stat -c '%u:%g %a' "$ROOT/elsewhere/data")" = "0:0 700"
chown 65533:65533 "$ROOT/plain"; chmod 2751 "$ROOT/plain"; setfattr -n user.kept -v 1 "$ROOT/plain"
check "… restored in place" $GATE --restore plain --archive 2026-01-25 --yes
check "… holds what it held" test "$(ls "$ROOT/plain" | xargs)" = "file link"
check "… in a directory as before" test "$(stat -c '%u:%g %a' "$ROOT/plain") $(getfattr -n user.kept --only-values "$ROOT/plain")" = "65533:65533 2751 1"
check "commit" $GATE --restore-commit plain
stop_webdav
check_exit 69 "a remote that is down: 69" $GATE --adopt plain
check_exit 69 "… --list ends with it" gate 'backupctl --list plain'
check_says "… and tells of the other" "verified  disk  plain-$(date +%F).tar.gz"
check "… a restore takes what the other has" $GATE --restore plain --to "$ROOT/other"
check_says "… and says so" "another remote is used"
check "… whole" diff -r "$ROOT/as-archived" "$ROOT/other/data"
check_exit 69 "… that remote alone: 69" $GATE --restore plain --remote onedrive --to "$ROOT/none"
check_exit 77 "… a remote that is not the service's" $GATE --restore plain --remote nothing --to "$ROOT/none"
check_exit 77 "a service that is none is said before anything is asked" $GATE --restore nothing
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
