#!/bin/bash
# Everything: installs what tests need, builds with warnings as errors, runs unit, attack and end-to-end tests. Nothing here
# touches an installation in use (tests/e2e/lib.sh says how). The last line is `N passed, N failed, N skipped`.
#   sudo ./tests/run.sh [--full] [--no-packages] [--only WORD]
#     --full          also what takes long: the proof on a bare Debian root, clang-tidy, clang-format
#     --no-packages   what is needed is there
#     --only WORD     only tests whose name holds WORD
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../deploy/lib.sh"

full=no packages=yes only=''
while [ $# -gt 0 ]; do
  case $1 in
    --full) full=yes ;;
    --no-packages) packages=no ;;
    --only) only=${2:?--only needs a word}; shift ;;
    *) sed -n '4,7s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
  esac
  shift
done
need_root
export LC_ALL=C.UTF-8 E2E_BUILD=${E2E_BUILD:-$BACKUPCTL_SOURCE/build} E2E_FULL=$full
build=$E2E_BUILD clang=$BACKUPCTL_SOURCE/build-clang
logs=$build/test-logs
passed=0 failed=0 skipped=0

close() { printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped; [ $failed = 0 ]; exit; }
heading() { printf '\n== %s\n' "$*"; }
wanted() { [ -z "$only" ] || [[ $1 == *"$only"* ]]; }

# tally LOG STATUS TITLE: adds what a test printed: TAP lines, or doctest's summary, or else its exit status alone.
tally() {
  local log=$1 status=$2 title=$3 good=0 bad=0 idle=0
  if grep -qE '^(not )?ok ' "$log"; then
    bad=$(grep -cE '^not ok ' "$log")
    idle=$(grep -cE '^ok .*# SKIP' "$log")
    good=$(($(grep -cE '^ok ' "$log") - idle))
    grep -E '^ok .*# SKIP' "$log"
    grep -A45 -E '^not ok ' "$log" | grep -vE '^(ok |--$)'
    [ "$status" = 0 ] || [ "$bad" -gt 0 ] || { bad=1; echo "$title ended $status; its last lines:"; tail -n 20 "$log"; }
  elif grep -q '^\[doctest\] test cases:' "$log"; then
    read -r good bad idle < <(sed -n 's/^\[doctest\] test cases: *[0-9]* *| *\([0-9]*\) passed *| *\([0-9]*\) failed *| *\([0-9]*\) skipped.*/\1 \2 \3/p' "$log")
    [ "$status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$bad" = 0 ] || cat "$log"
  else
    case $status in
      0) good=1 ;;
      77) idle=1; tail -n 1 "$log" ;;
      *) bad=1; tail -n 40 "$log" ;;
    esac
  fi
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + idle))
  printf '%-34s %4d passed %3d failed %3d skipped %5ds\n' "$title" "$good" "$bad" "$idle" "$took"
}

# run_test TITLE SECONDS CMD…: with a time limit of its own.
run_test() {
  local title=$1 limit=$2 log status began=$SECONDS; shift 2
  wanted "$title" || return 0
  log=$logs/$(tr '/ ' '--' <<<"$title").log
  timeout --kill-after=30 "$limit" "$@" >"$log" 2>&1 </dev/null; status=$?
  took=$((SECONDS - began))
  [ $status != 124 ] || printf 'not ok - %s was not done after %s seconds\n' "$title" "$limit" >>"$log"
  tally "$log" $status "$title"
}

# run_together SECONDS SCRIPT…: the same for end-to-end tests, three at a time; told in the order in which they end.
run_together() {
  local limit=$1 script title pid status; shift
  local -A running=() began=()
  while [ $# -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
    while [ $# -gt 0 ] && [ ${#running[@]} -lt 3 ]; do
      script=$1 title=e2e/$(basename "$1" .sh); shift
      wanted "$title" || continue
      timeout --kill-after=30 "$limit" "$script" >"$logs/${title/\//-}.log" 2>&1 </dev/null &
      running[$!]=$title began[$!]=$SECONDS
    done
    [ ${#running[@]} -gt 0 ] || break
    wait -n -p pid "${!running[@]}"; status=$?
    title=${running[$pid]} took=$((SECONDS - began[$pid])); unset "running[$pid]"
    [ $status != 124 ] || printf 'not ok - %s was not done after %s seconds\n' "$title" "$limit" >>"$logs/${title/\//-}.log"
    tally "$logs/${title/\//-}.log" $status "$title"
  done
}

# build DIR meson-option…: a compiler's warning is a failed test.
build() {
  local dir=$1; shift
  if [ -e "$dir/build.ninja" ]; then meson configure "$dir" -Dwerror=true "$@"; else meson setup "$dir" "$BACKUPCTL_SOURCE" -Dwerror=true "$@"; fi &&
    ninja -C "$dir" --quiet
}

# build_behind DIR meson-option…: with what time the tests leave over (sched(7), "The autogroup feature").
build_behind() {
  export -f build; export BACKUPCTL_SOURCE
  setsid bash -c 'echo 19 >/proc/self/autogroup; renice -n 19 $$ >/dev/null; build "$@"' build "$@" >"$logs/build-behind.log" 2>&1 </dev/null &
  behind=$! behind_began=$SECONDS
  trap 'pkill -TERM -s $behind 2>/dev/null' EXIT
}

if [ $packages = yes ]; then
  sections=(run build demo test)
  [ $full = no ] || sections+=(full)
  command -v npm >/dev/null || sections+=(npm)
  (set -e; install_packages "${sections[@]}") || { echo "packages are missing"; failed=1; close; }
fi
mkdir -p "$build"
for server in azurite s3rver; do
  bash "$here/e2e/npm_server.sh" $server "$build/$server" || { echo "$server could not be installed"; failed=1; close; }
done

heading "Build"
mkdir -p "$logs"; began=$SECONDS
build "$build" -Dtests=true >"$logs/build.log" 2>&1; status=$?
took=$((SECONDS - began)); tally "$logs/build.log" $status "build with g++"
[ $status = 0 ] || close
# Asked for its warnings alone, which are the same without optimization; of the tests' own with --full.
clang_tests=false; [ $full = no ] || clang_tests=true
CXX=clang++-14 build_behind "$clang" -Doptimization=0 -Dtests=$clang_tests

heading "Unit and attack tests"
while IFS=$'\t' read -r name limit command; do
  run_test "$name" "$limit" /bin/bash -c "cd '$build' && exec $command"
done < <(meson introspect --tests "$build" | python3 -c '
import json, shlex, sys
for test in json.load(sys.stdin):
    env = [f"{k}={v}" for k, v in test["env"].items()] if isinstance(test["env"], dict) else []
    suite = test["suite"][0].split(":")[-1] if test["suite"] else "unit"
    print(f"{suite}/" + test["name"], test["timeout"] or 300, shlex.join(["env"] + env + test["cmd"]), sep="\t")')
for script in "$here"/attack/*.sh; do
  [ -x "$script" ] && run_test "attack/$(basename "$script" .sh)" 300 "$script"
done

heading "End to end"
# Each has a world of its own and waits more than it computes, so three run at a time; but the end of an account's processes, which
# uninstall.sh brings about, knows no worlds, so those that call it run alone.
scripts=()
# The longest first, so that none of them runs alone at the end.
for script in "$here"/e2e/{redis_damaged,recover_plan,restore_in_place,move_podman,disaster,move_docker}.sh "$here"/e2e/*.sh; do
  [ -x "$script" ] || continue      # lib.sh and world.sh are sourced
  case $(basename "$script" .sh) in
    fresh_root) run_test e2e/fresh_root 12000 "$script" ;;     # it runs all of this twice more, on a bare root
    install|quickstart) run_test "e2e/$(basename "$script" .sh)" 420 "$script" ;;
    *) [[ " ${scripts[*]} " == *" $script "* ]] || scripts+=("$script") ;;
  esac
done
run_together 900 "${scripts[@]}"

heading "Build with the other compiler"
wait "$behind"; status=$?; trap - EXIT
took=$((SECONDS - behind_began)); tally "$logs/build-behind.log" $status "build with clang++-14"

heading "Documents"
run_test "man pages lint clean" 60 mandoc -T lint -W warning "$BACKUPCTL_SOURCE"/man/*.[1-8]
run_test "the Lightflow set-up is what generate.py writes" 60 /bin/bash -c \
  "cd '$BACKUPCTL_SOURCE/deploy/lightflow' && ./generate.py calibre immich kouizine n8n planka vaultwarden extra:www | diff setup.json -"
if [ $full = yes ]; then
  mapfile -t sources < <(cd "$BACKUPCTL_SOURCE" && find common policy gate client tests -name '*.cpp' -o -name '*.h' | sort)
  run_test "clang-format" 120 /bin/bash -c "cd '$BACKUPCTL_SOURCE' && clang-format-14 --dry-run --Werror ${sources[*]}"
  run_test "clang-tidy" 1800 /bin/bash -c "cd '$BACKUPCTL_SOURCE' && printf '%s\n' ${sources[*]} | grep 'cpp\$' | grep -v fuzz | xargs -P2 -n4 clang-tidy-14 --quiet -p '$clang'"
fi

printf '\nLogs: %s\n' "$logs"
close
