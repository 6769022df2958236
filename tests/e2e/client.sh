#!/bin/bash
# backup-client against a real sshd whose forced command only records the request and ends as told (wire.md, "The client").
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

install -D -m 755 "$E2E_BUILD/client/backup-client" $CLIENT
ssh-keygen -q -t ed25519 -N '' -C scheduler -f "$ROOT/key"
getent passwd backup_ops >/dev/null || useradd --system --home-dir /home/backup_ops --shell /bin/sh backup_ops
install -d -o backup_ops -m 700 /home/backup_ops /home/backup_ops/.ssh "$ROOT/host"
# The gate's stand-in: $ROOT/host/answer, if there, says what a $verb prints and how it ends.
cat >/home/backup_ops/record <<EOF
#!/bin/sh
printf '%s\n' "\$SSH_ORIGINAL_COMMAND" >>$ROOT/host/sent
set -- \$SSH_ORIGINAL_COMMAND
verb=\$2
[ ! -e $ROOT/host/answer ] || . $ROOT/host/answer
echo "\$verb done"; echo "\$verb noted" >&2
EOF
chmod 755 /home/backup_ops/record
printf 'restrict,command="/home/backup_ops/record" %s\n' "$(cat "$ROOT/key.pub")" >/home/backup_ops/.ssh/authorized_keys
chown backup_ops /home/backup_ops/.ssh/authorized_keys
start_ssh

SENT=$ROOT/host/sent KNOWN=$ROOT/scheduler/known_hosts NAME="[127.0.0.1]:$SSH_PORT"
HOST_KEY=$(cut -d' ' -f1,2 "$ROOT/sshd/host_key.pub")
answer() { cat >"$ROOT/host/answer"; chmod 644 "$ROOT/host/answer"; }
plain() { rm -f "$ROOT/host/answer" "$SENT"; }
verbs() { cut -d' ' -f2 "$SENT" 2>/dev/null | tr '\n' ' '; }
sent_is() { [ "$(verbs)" = "$1" ] || { echo "sent: $(verbs)"; false; }; }
nothing_sent() { sent_is ''; }
# after CMD…: runs a check about something else, and leaves the output of the one before to check_says.
after() { cp "$out" "$ROOT/said"; "$@"; cp "$ROOT/said" "$out"; }
says_not() { ! grep -qF -- "$1" "$ROOT/said"; }
one_line() { [ "$(grep -c . "$ROOT/said")" = 1 ]; }
today() { TZ=${1:-UTC} LC_ALL=C date +%A; }
tomorrow() { TZ=UTC LC_ALL=C date -d tomorrow +%A; }

# --- what is sent, and what comes back
NIGHT=(ONEDRIVE_REMOTE=onedrive ONEDRIVE_FOLDER=/OdroidBackup BACKUP_DATA_ROOT=/media/ssd/podman KEEP_WEEKLY=3 KEEP_MONTHLY=12
       BACKUP_TZ=UTC ARCHIVE_WEEKDAY="$(today)")
for verb in --stop --sync --archive --start; do client "${NIGHT[@]}" $verb vaultwarden >/dev/null 2>&1; done
client "${NIGHT[@]}" --sync-extra www >/dev/null 2>&1
cat >"$ROOT/want" <<'EOF'
backupctl --stop vaultwarden --timeout 120
backupctl --sync vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup --timeout 3600
backupctl --archive vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup --keep-weekly 3 --keep-monthly 12 --timeout 3600
backupctl --start vaultwarden --timeout 300
backupctl --sync-extra www --remote onedrive:/OdroidBackup --timeout 3600
EOF
check_same "the five compatible requests, byte for byte" "$ROOT/want" "$SENT"

for code in 0 1 64 65 69 70 74 75 77 78 124 137; do
  echo "exit $code" | answer
  check_exit $code "exit code $code is passed on" client --status vaultwarden
done
plain
client --list >"$ROOT/stdout" 2>"$ROOT/stderr"
check "standard output is passed on" grep -qx -- '--list done' "$ROOT/stdout"
check "standard error is passed on" grep -qx -- '--list noted' "$ROOT/stderr"
head -c 3000000 /dev/urandom >"$ROOT/host/blob"; chmod 644 "$ROOT/host/blob"
echo "cat $ROOT/host/blob; exit 0" | answer
client --export lightrag >"$ROOT/stdout" 2>"$ROOT/stderr"
check "an export passes untouched" cmp "$ROOT/host/blob" "$ROOT/stdout"
plain
client --version >"$ROOT/stdout" 2>&1
check "--version tells of the client" grep -q '^backup-client [0-9]' "$ROOT/stdout"
check "--version tells of the gate" grep -qx -- '--version done' "$ROOT/stdout"
check "--version needs no host" client BACKUP_HOST= --version
check "--help needs no host" client BACKUP_HOST= --help

# --- the key
KEY=$(cat "$ROOT/key")
spaces=${KEY//$'\n'/ } cr=${KEY//$'\n'/$'\r\n'} escaped=${KEY//$'\n'/\\n}
check "an inline key" client BACKUP_SSH_KEY="$KEY" --status
check "an inline key with spaces for line breaks" client BACKUP_SSH_KEY="$spaces" --status
check "an inline key with CRs" client BACKUP_SSH_KEY="$cr" --status
check "an inline key with written-out line breaks" client BACKUP_SSH_KEY="$escaped" --status
chmod 644 "$ROOT/scheduler/key"
check "a key file that others may read is used" client --status
check_says "and warned about" "chmod 600"
chmod 600 "$ROOT/scheduler/key"
check "inline known hosts, with spaces and CRs" client BACKUP_KNOWN_HOSTS="other ssh-ed25519 AAAA $NAME $HOST_KEY"$'\r' --status
check "nothing was written for the scheduler" test "$(find "$ROOT/scheduler" -newer "$ROOT/key" -type f | wc -l)" = 2

echo "[ \$verb = --backup ] && sleep 30; exit 0" | answer
setpriv --reuid=scheduler --regid=scheduler --clear-groups env -i PATH=/usr/bin:/bin BACKUP_HOST="backup_ops@127.0.0.1:$SSH_PORT" \
  BACKUP_SSH_KEY="$spaces" BACKUP_KNOWN_HOSTS="$NAME $HOST_KEY" $CLIENT --backup x >/dev/null 2>&1 &
pid=$!
wait_for 10 grep -q -- --backup "$SENT"
ssh_pid=$(pgrep -P $pid -x ssh)
key_line=$(sed -n 3p "$ROOT/key")
tr '\0' '\n' <"/proc/$pid/environ" >"$ROOT/seen"; cat "/proc/$pid/cmdline" "/proc/$ssh_pid/cmdline" "/proc/$ssh_pid/environ" >>"$ROOT/seen"
check_not "the key is in nobody's environment or command line" grep -aqF "$key_line" "$ROOT/seen"
check "the key's memory file is sealed, and the owner's alone" \
  bash -c "cd /proc/$pid/fd && for fd in *; do case \$(readlink \$fd) in */memfd:ssh*) [ \$(stat -Lc %a \$fd) = 600 ] && ! (echo x >\$fd) 2>/dev/null && exit 0;; esac; done; exit 1"
check "no core of it could be written" grep -qE '^Max core file size +1 +1 ' "/proc/$pid/limits"
kill -9 $pid; wait $pid 2>/dev/null
check "ssh ends when the client is killed" wait_for 5 test ! -e "/proc/$ssh_pid"
plain

# --- the host's key
printf 'other.host %s\n' "$HOST_KEY" >"$KNOWN"
check "an unknown host is accepted once" client --status
check_says "and warned about" "was unknown"
after check "and recorded" grep -qxF "$NAME $HOST_KEY" "$KNOWN"
check "then it is known" client --status
after check "and no longer warned about" says_not "was unknown"
rm "$KNOWN"
check "a known_hosts file may come to be" client --status
check "with the host's key" grep -qxF "$NAME $HOST_KEY" "$KNOWN"
plain
ssh-keygen -q -t ed25519 -N '' -f "$ROOT/other" && ssh-keygen -q -t rsa -b 2048 -N '' -f "$ROOT/other_rsa"
other=$(cut -d' ' -f1,2 "$ROOT/other.pub") other_rsa=$(cut -d' ' -f1,2 "$ROOT/other_rsa.pub")
refuses_host() { # TITLE
  cp "$KNOWN" "$ROOT/before"
  check_exit 69 "$1" client --status
  check_same "… and nothing is recorded" "$ROOT/before" "$KNOWN"
  check "… and nothing is sent" nothing_sent
}
printf '%s %s\n' "$NAME" "$other" >"$KNOWN"; refuses_host "a changed key fails"
check_exit 69 "a changed key has its sentence" client --status
check_says "… of what it may mean" "may be another machine"
printf '%s %s\n' "$NAME" "$other_rsa" >"$KNOWN"; refuses_host "a key of another kind than the recorded one fails"
printf '127.0.0.1 %s\n' "$other" >"$KNOWN"; refuses_host "a key other than the one recorded without the port fails"
printf '%s %s\n' "$NAME" "$other" >"$KNOWN"; ssh-keygen -q -H -f "$KNOWN" >/dev/null 2>&1; chmod 644 "$KNOWN"; rm -f "$KNOWN.old"
refuses_host "a changed key fails behind hashed names"
printf '%s %s\n' "$NAME" "$HOST_KEY" >"$KNOWN"; ssh-keygen -q -H -f "$KNOWN" >/dev/null 2>&1; chmod 644 "$KNOWN"; rm -f "$KNOWN.old"
check "the right key behind hashed names" client --status
plain
printf 'other.host %s\n' "$HOST_KEY" >"$KNOWN"; chown root "$KNOWN"; refuses_host "a first contact that cannot be recorded fails"
check_exit 69 "inline known hosts accept no other key" client BACKUP_KNOWN_HOSTS="$NAME $other" --status
check_exit 69 "inline known hosts accept no unknown host" client BACKUP_KNOWN_HOSTS="other.host $HOST_KEY" --status
check_says "… and say which line is wanted" "has no key of this host"
check "nothing was sent" nothing_sent
install -o scheduler -m 644 "$ROOT/known_hosts" "$KNOWN"

# --- what is wrong gets one line and its code, and nothing is sent
wrong() { # CODE WORDS [NAME=VALUE…] OPTION…
  local code=$1 words=$2; shift 2
  check_exit "$code" "$code: $(printf '%q ' "$@" | cut -c1-90)" client "$@"
  check_says "… says «$words»" "$words"
  after check "… in one line" one_line
}
cp "$ROOT/key" "$ROOT/locked" && ssh-keygen -q -p -P '' -N 'a passphrase' -f "$ROOT/locked" >/dev/null
wrong 78 "BACKUP_HOST is not set" BACKUP_HOST= --status
wrong 78 "BACKUP_HOST" BACKUP_HOST=-oProxyCommand=touch --status
wrong 78 "BACKUP_HOST" BACKUP_HOST='me@ho st' --status
wrong 78 "No such file" BACKUP_SSH_KEY=/nonexistent --status
wrong 78 "passphrase" BACKUP_SSH_KEY="$(cat "$ROOT/locked")" --status
wrong 78 "public key" BACKUP_SSH_KEY="$(cat "$ROOT/key.pub")" --status
wrong 78 "cut off" BACKUP_SSH_KEY="${KEY:0:200}" --status
wrong 78 "damaged" BACKUP_SSH_KEY="${KEY/b3Bl/b3B}" --status
wrong 78 "cannot be recorded" BACKUP_KNOWN_HOSTS=/nonexistent/known_hosts --status
wrong 78 "no ssh program" PATH=/nonexistent --status
wrong 78 "ARCHIVE_WEEKDAY" ARCHIVE_WEEKDAY=someday --archive x
wrong 78 "ARCHIVE_WEEKDAY" ARCHIVE_WEEKDAY=someday --run x
wrong 78 "time zone" BACKUP_TZ=Mars/Olympus --archive x
wrong 78 "KEEP_WEEKLY" BACKUP_TZ=UTC ARCHIVE_WEEKDAY="$(today)" KEEP_WEEKLY=three --archive x
wrong 78 "KEEP_MONTHLY" KEEP_MONTHLY=-1 --run x
wrong 78 "SYNC_TIMEOUT" SYNC_TIMEOUT=1h --run x
wrong 64 "name" --stop ../etc
wrong 64 "name" --run 'x; reboot'
wrong 64 "exactly one verb" --stop x --start x
wrong 64 "--help" --restore x
wrong 64 "does not take" --start x --path /p
check "nothing was sent in all of these" nothing_sent
closed=$(free_port)
wrong_place() { check_exit 69 "69: $1" client "${@:3}"; check_says "… says «$2»" "$2"; }
wrong_place "nothing listens" "nothing listens there" BACKUP_HOST="me@127.0.0.1:$closed" --status
wrong_place "an account that does not exist" "does not accept the key" BACKUP_HOST="nobody@127.0.0.1:$SSH_PORT" --status
wrong_place "another key" "does not accept the key" BACKUP_SSH_KEY="$(cat "$ROOT/other")" --status
wrong_place "a name nobody knows" "name is unknown" BACKUP_HOST=me@no.such.host.invalid --status
echo 'kill -9 $PPID; sleep 5' | answer
wrong_place "the link breaks" "broke" --sync x
plain

# --- the archive's day
check_exit 75 "no archive on other days" client BACKUP_TZ=UTC ARCHIVE_WEEKDAY="$(tomorrow)" --archive x
check "and nothing is sent" nothing_sent
check_exit 75 "… not even to nowhere" client BACKUP_HOST="me@127.0.0.1:$closed" BACKUP_TZ=UTC ARCHIVE_WEEKDAY="$(tomorrow)" --archive x
short=$(today Pacific/Kiritimati | cut -c1-3 | tr a-z A-Z)
check "an archive on its day, in its zone" client BACKUP_TZ=Pacific/Kiritimati ARCHIVE_WEEKDAY="$short" --archive x
check "is sent" sent_is '--archive '
plain

# --- a whole night
DAY=(BACKUP_TZ=UTC ARCHIVE_WEEKDAY="$(today)")
night() { # CODE VERBS TITLE [NAME=VALUE…] OPTION…
  rm -f "$SENT"
  check_exit "$1" "$3" client "${DAY[@]}" "${@:4}"
  after check "… sends $2" sent_is "$2"
}
night 0 '--stop --sync --archive --start ' "a night" --run x
check_says "each line says its step" "[sync] --sync noted"
check_says "on standard output too" "[start] --start done"
night 0 '--stop --sync --start ' "a night without archive" ARCHIVE_WEEKDAY="$(tomorrow)" --run x
check_says "says so" "[archive] skipped"
echo '[ $verb != --archive ] || exit 75' | answer
night 0 '--stop --sync --archive --start ' "an archive that was there is no failure" --run x
echo '[ $verb != --sync ] || exit 65' | answer
night 65 '--stop --sync --start ' "a failed sync ends with the start" --run x
echo '[ $verb != --stop ] || exit 69' | answer
night 69 '--stop --start ' "a failed stop ends with the start" --run x
echo 'case $verb in --archive) exit 74;; --start) exit 70;; esac' | answer
night 74 '--stop --sync --archive --start ' "the first failure is the night's code" --run x
check_says "a failed start is said" "x MAY BE DOWN"
echo '[ $verb != --start ] || exit 69' | answer
night 69 '--stop --sync --archive --start ' "a failed start alone is the night's code" --run x
echo '[ $verb != --sync ] || kill -9 $PPID' | answer
night 69 '--stop --sync --start ' "a broken link ends with the start" --run x
echo "n=\$(grep -c -- --start $SENT); [ \$verb != --start ] || [ \$n = 3 ] || kill -9 \$PPID" | answer
night 0 '--stop --sync --archive --start --start --start ' "a start that was not heard is tried again" --run x
plain
check "with --json" client "${DAY[@]}" --run x --json
after check "standard output has no prefix" grep -qx -- '--sync done' "$ROOT/said"

interrupt() { # SIGNAL CODE STEP VERBS
  echo "[ \$verb != $3 ] || sleep 30" | answer; rm -f "$SENT"
  setpriv --reuid=scheduler --regid=scheduler --clear-groups env -i --default-signal=INT PATH=/usr/bin:/bin "${DAY[@]}" \
    BACKUP_HOST="backup_ops@127.0.0.1:$SSH_PORT" BACKUP_SSH_KEY="$ROOT/scheduler/key" BACKUP_KNOWN_HOSTS="$KNOWN" \
    $CLIENT --run x >"$out" 2>&1 &
  local pid=$! code
  wait_for 10 grep -q -- "$3" "$SENT"; sleep 0.2
  kill -"$1" $pid; wait $pid; code=$?
  check "SIG$1 during $3 ends with $2, not $code" test $code = "$2"
  check "… sends $4" sent_is "$4"
}
interrupt TERM 143 --sync '--stop --sync --start '
interrupt INT 130 --stop '--stop --start '
interrupt HUP 129 --archive '--stop --sync --archive --start '
echo '[ $verb != --start ] || { sleep 2; exit 0; }' | answer; rm -f "$SENT"
setpriv --reuid=scheduler --regid=scheduler --clear-groups env -i PATH=/usr/bin:/bin "${DAY[@]}" \
  BACKUP_HOST="backup_ops@127.0.0.1:$SSH_PORT" BACKUP_SSH_KEY="$ROOT/scheduler/key" BACKUP_KNOWN_HOSTS="$KNOWN" $CLIENT --run x >"$out" 2>&1 &
pid=$!
wait_for 20 grep -q -- --start "$SENT"; kill -TERM $pid; kill -TERM $pid; wait $pid; code=$?
check "a signal does not stop a start under way ($code)" test $code = 0
e2e_end
