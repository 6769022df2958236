# The end-to-end harness; sourced first by every tests/e2e/*.sh, never run. A test reads like this:
#
#   . "$(dirname "$0")/lib.sh"
#   e2e_begin                                # from here on nothing reaches the host: see below
#   e2e_install                              # deploy/install.sh, with wire.md's paths to the letter
#   …; check "title" cmd…; check_exit 69 "title" cmd…; skip "title" "reason"
#   e2e_end
#
# e2e_begin runs the script again in a mount namespace of its own, where /etc is a copy, /usr/local, /home, /root, /media,
# /var/lib/backupctl and the container storage are private directories, and systemd is out of sight. Accounts, sudoers,
# policy and containers are real and sit at their true paths, and yet an installation in use on this host is not touched.
# What a killed test leaves behind is one directory, /var/lib/backupctl-test-PID, and daemons whose pids stand in it.
set -uo pipefail
unset ${!RCLONE_@}   # what the caller has set for a remote of its own

E2E_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
E2E_BUILD=${E2E_BUILD:-$E2E_SOURCE/build}
. "$E2E_SOURCE/deploy/lib.sh"
. "$E2E_SOURCE/tests/e2e/world.sh"

E2E_PASSED=0 E2E_FAILED=0 E2E_SKIPPED=0 E2E_NUMBER=0

_result() { E2E_NUMBER=$((E2E_NUMBER + 1)); printf '%s %d - %s\n' "$1" "$E2E_NUMBER" "$2"; }
_indent() { sed 's/^/#   /' "$1" | head -n "${2:-40}"; }

pass() { E2E_PASSED=$((E2E_PASSED + 1)); _result ok "$1"; }
fail() {
  E2E_FAILED=$((E2E_FAILED + 1)); _result 'not ok' "$1"
  [ $# -lt 2 ] || printf '#   %s\n' "$2"
}
skip() { E2E_SKIPPED=$((E2E_SKIPPED + 1)); _result ok "$1 # SKIP $2"; }

# check TITLE CMD…: passes when CMD ends 0. What it printed is in $out (a file), shown when it fails.
check() { check_exit 0 "$@"; }

# check_exit CODE TITLE CMD…: passes when CMD ends with exactly CODE.
check_exit() {
  local want=$1 title=$2 got; shift 2
  "$@" >"$out" 2>&1 </dev/null; got=$?
  if [ "$got" = "$want" ]; then
    pass "$title"
  else
    fail "$title" "ended $got, not $want: $*"; _indent "$out"
  fi
}

# check_says TITLE WORDS: the last check's output holds WORDS, literally.
check_says() {
  if grep -qF -- "$2" "$out"; then pass "$1"; else fail "$1" "nowhere in the output: $2"; _indent "$out"; fi
}

# check_not TITLE CMD…: passes when CMD fails.
check_not() {
  local title=$1; shift
  if "$@" >"$out" 2>&1 </dev/null; then fail "$title" "succeeded: $*"; _indent "$out"; else pass "$title"; fi
}

# begin FILE CMD…: CMD in the background, its output in FILE, its pid in $begun. FILE is empty before this returns: who waits
# for a word in it must not read what the last one said.
begin() {
  local file=$1; shift
  : >"$file"
  "$@" >>"$file" 2>&1 </dev/null & begun=$!
}

# check_same TITLE FILE FILE: equal byte for byte; the difference is shown.
check_same() { check "$1" diff -u "$2" "$3"; }

# check_table CMD…: a program that prints TAP lines of its own; they count as ours.
check_table() {
  local line status
  while IFS= read -r line; do
    case $line in
      'ok '*'# SKIP'*) skip "${line#ok * - }" '' ;;
      'ok '*) pass "${line#ok * - }" ;;
      'not ok '*) fail "${line#not ok * - }" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done < <("$@" 2>&1 </dev/null; echo "# status $?" >"$out")
  read -r _ _ status <"$out"
  [ "$status" = 0 ] || [ "$E2E_FAILED" -gt 0 ] || fail "$1" "ended $status without a failed line"
}

# e2e_begin: the namespace, the directory $ROOT, the trap that takes everything away again.
e2e_begin() {
  need_root
  if [ -z "${E2E_ROOT:-}" ]; then
    export E2E_ROOT=/var/lib/backupctl-test-$$ E2E_BUILD
    exec unshare --mount --propagation private -- /bin/bash "$0" "$@"
  fi
  ROOT=$E2E_ROOT out=$E2E_ROOT/out
  trap e2e_clean EXIT
  trap 'exit 130' INT TERM HUP
  umask 022
  mkdir -p "$ROOT"/{pids,private,www}
  private_world
}

# Whatever else still runs in this namespace: sessions of sshd, a hung step. By namespace, not by account: the same account or
# uid may belong to an installation in use, or to another test.
end_namespace() {
  local process mine
  mine=$(readlink /proc/$$/ns/mnt)
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/ns/mnt" 2>/dev/null)" = "$mine" ] || continue
    case ${process#/proc/} in $$|"$BASHPID") ;; *) kill -9 "${process#/proc/}" 2>/dev/null ;; esac
  done
}

e2e_clean() {
  local status=$? file
  trap - EXIT
  set +e
  cd /
  [ -z "$(type -t on_clean)" ] || on_clean
  for name in $(podman ps -aq 2>/dev/null); do podman rm -f -t 0 "$name" >/dev/null 2>&1; done
  for file in "$ROOT"/pids/*; do [ -e "$file" ] && end_pid "$file"; done
  end_pid "$ROOT/sshd/sshd.pid"
  end_namespace
  umount -l "$ROOT/containers/overlay" 2>/dev/null
  if [ "${E2E_KEEP:-}" ]; then echo "# kept: $ROOT"; else leave_world; fi
  exit $status
}

# e2e_end: the totals; 1 when anything failed.
e2e_end() {
  printf '1..%d\n# %d passed, %d failed, %d skipped\n' $E2E_NUMBER $E2E_PASSED $E2E_FAILED $E2E_SKIPPED
  [ $E2E_FAILED = 0 ]; exit
}
