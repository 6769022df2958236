#!/bin/bash
# Fault injection: nights in which a process of the chain is killed (SIGKILL) at a random moment. After each the service runs
# without a lease, no process and no lock is left, no final name lies on the remote without its verified content, the journal is
# whole, and rclone.conf holds the newest token (S1, S4, D1, X9, D5). CHAOS_ROUNDS and CHAOS_SEED repeat a run.
#
# The token: each night begins with an extra target on an OneDrive remote whose token rotates on every use. Its Graph host is out
# of reach, so that verb always ends 69; what counts is what became of the tokens. A rclone that is killed after the endpoint has
# answered and before it has saved takes the only copy of that token with it, and nothing on this host could keep it. The endpoint
# tells this apart by looking into the copies that rclone writes (token_server.py, COPIES): such a token was never saved, and its
# predecessor, which rclone.conf must still hold, is accepted once more. A token that was saved makes its predecessor void; if the
# vault lost it, the endpoint refuses from then on, and the round fails.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

rounds=${CHAOS_ROUNDS:-10} seed=${CHAOS_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$seed
echo "# seed $seed, $rounds rounds: CHAOS_SEED=$seed CHAOS_ROUNDS=$rounds $0"

e2e_install
write_policy
sed -i '/^min_up = /a max_down = "60s"\nidle_down = "3s"\nmax_down_per_day = "24h"' $POLICY
make_data
head -c 8000000 /dev/urandom >"$DATA/large"
start_webdav
start_ssh
run_container vaultwarden "$DATA"
wait_for 10 test -e "$DATA/heartbeat"
mkdir "$ROOT/photos"; echo photo >"$ROOT/photos/one"
cat >>$POLICY <<EOF
[remote.rotating]
root = "/OdroidBackup"
[extra_target.photos]
path = "$ROOT/photos"
remotes = ["rotating"]
EOF
start_token_server "$STATE/vault/copies"
rotating_remote rotating >>$CONF
without_token >"$ROOT/want"
ARCHIVES=$CLOUD/OdroidBackup/vaultwarden/archives
LEASE=$STATE/leases/vaultwarden

here() { pgrep --ns $$ --nslist mnt "$@"; }
# pids_of VICTIM: the processes of this world that play the part.
pids_of() {
  case $1 in
    gate) here -f "^$GATE --ssh-gate" ;;
    guardian) here -f -- '--guardian vaultwarden$' ;;
    sudo) here -f "^sudo $GATE" ;;
    sshd) here -f '^sshd: backup_ops' ;;
    client) here -f '^ssh -T -p' ;;
    rclone) here -f '^/usr/bin/rclone (sync|copy|copyto|lsjson|cat|moveto|deletefile) ' ;;
    scheduler) echo "$night" ;;
  esac
}
VICTIMS=(gate guardian sudo sshd client rclone scheduler)
night() {
  local verb
  for verb in 'sync-extra photos' 'stop vaultwarden' 'sync vaultwarden' 'archive vaultwarden' 'start vaultwarden'; do
    ssh_gate "backupctl --$verb" >>"$ROOT/night" 2>&1
  done
}
up_again() { is_running vaultwarden && [ ! -e $LEASE ]; }
nobody_left() { ! pids_of gate >/dev/null && ! pids_of guardian >/dev/null && ! pids_of rclone >/dev/null; }
locks_free() {
  local lock
  for lock in $STATE/locks/*; do flock -n "$lock" true || { echo "held: $lock"; return 1; }; done
}
# Whatever has a final name is whole, and what has a manifest fits it.
finals_are_whole() {
  local file
  for file in "$ARCHIVES"/*.tar.gz; do
    [ -e "$file" ] || continue
    gzip -t "$file" || return 1
    [ ! -e "$file.manifest.json" ] || (cd "$ARCHIVES" && sha256sum --quiet -c "$file.sha256") || return 1
  done
}
# A run that was killed may have left what it renewed in the vault: the next start of the gate carries it, whatever it is asked.
newest_token() {
  [ -z "$(ls -A $STATE/vault/copies)" ] || gate 'backupctl --list vaultwarden' || return 1
  token_is_newest || { echo "rclone.conf holds refresh-$(held), but rclone had saved refresh-$(saved)"; find $STATE/vault; return 1; }
  not_locked_out || { echo "the endpoint has seen a void token"; return 1; }
}
hits=0
round() {
  local pids='' victim moment=$((RANDOM % 5000)) try
  # Every other one within the verb that renews the token.
  [ $((RANDOM % 2)) = 0 ] || moment=$((moment % 1500))
  rm -rf "$ARCHIVES"
  night & night=$!
  sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  for ((try = 0; try < 10; try++)); do
    victim=${VICTIMS[RANDOM % ${#VICTIMS[@]}]}
    pids=$(pids_of "$victim")
    [ -z "$pids" ] || break
  done
  said="round $1: $victim, $moment ms after the beginning: $(wc -w <<<"$pids") killed"
  # shellcheck disable=SC2086  # pids are words
  [ -z "$pids" ] || { kill -9 $pids; hits=$((hits + 1)); } 2>/dev/null
  # A scheduler that is gone takes its ssh along.
  # shellcheck disable=SC2046
  [ "$victim" != scheduler ] || kill -9 $(pids_of client) 2>/dev/null
  wait $night 2>/dev/null
  wait_for 60 up_again || { echo "the service is down"; cat "$LEASE" 2>/dev/null; return 1; }
  wait_for 30 nobody_left || { echo "processes are left"; return 1; }
  locks_free && finals_are_whole && newest_token && $GATE --verify-journal
}
# Control: without a fault a night does all that the rounds take apart.
whole_night() {
  local before; before=$(rotations)
  check "$1" night
  check "… with its archive" test -e "$ARCHIVES/vaultwarden-$(date +%F).tar.gz.manifest.json"
  check "… the token was renewed in it" test "$(rotations)" -gt "$before"
  check "… and rclone.conf holds what the endpoint gave out last" latest
}
whole_night "a whole night"
for ((i = 1; i <= rounds; i++)); do
  round "$i" >"$ROOT/round" 2>&1; status=$?
  if [ $status = 0 ]; then pass "$said"; else fail "$said"; _indent "$ROOT/round"; tail -n 20 "$ROOT/night" | sed 's/^/#   night: /'; fi
done
echo "# $hits of $rounds rounds killed something; $(rotations) tokens were renewed, $(grep -c ^repeated "$TOKEN_LOG") of them once more, since rclone was killed before it had saved"
check "rounds that killed something" test $hits -gt 0
whole_night "a whole night after all that"
check "the endpoint never saw a void token" not_locked_out
check "the spool is clean" test -z "$(ls -A $STATE/spool)"
without_token >"$ROOT/got"; check_same "every other byte of rclone.conf is as it was" "$ROOT/want" "$ROOT/got"
check "nothing was parked" test -z "$(ls -A $STATE/vault/parked)"
check "no credential is left in the vault" test -z "$(find $STATE/vault -name 'rclone.conf*')"
e2e_end
