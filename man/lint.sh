#!/bin/sh
# Fails on whatever mandoc finds in the pages given, but for references among them while they are not installed.
found=$(mandoc -T lint "$@" 2>/dev/null | grep -Ev 'referenced manual not found: Xr backup(-client|ctl)')
[ -z "$found" ] || { echo "$found"; exit 1; }
