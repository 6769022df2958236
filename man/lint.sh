#!/bin/sh
# Fails on whatever mandoc finds in the pages given, but for references to pages that this machine has not installed: those are
# a matter of the machine. Our own pages are looked for among those given.
found=$(mandoc -T lint "$@" 2>/dev/null | grep -v 'referenced manual not found:')
for name in $(sed -n 's/^\.Xr \(backup[a-z-]*\) \([0-9]\).*/\1.\2/p' "$@" | sort -u); do
  case " $* " in
    *"/$name "* | *" $name "*) ;;
    *) found="${found:+$found; }$name is referenced and is none of the pages given" ;;
  esac
done
[ -z "$found" ] || { echo "$found"; exit 1; }
