#!/bin/bash
# install.sh and uninstall.sh: the installed layout to the letter, twice the same, and gone again.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
mkdir -p /usr/local/bin; echo mine >/usr/local/bin/other     # something of the host's own
FINGERPRINT_SKIP=$ROOT/none
fingerprint /usr/local /home >"$ROOT/before"

e2e_install
check "backupctl is a program of root's" test "$(stat -c '%U %a' $GATE)" = "root 755"
check "its helpers are in libexec" test -d /usr/local/libexec/backupctl
check "the client is there" test -x $CLIENT
check "man pages are there" test -e /usr/local/share/man/man8/backupctl.8
check "nothing is setuid (X12)" test -z "$(find /usr/local -perm /6000)"
check "the policy is the example" cmp $POLICY $POLICY.example
check "… and valid" $GATE --check-policy
sed -E 's/^# (\[|[a-z_]+ *=)/\1/' $POLICY >"$ROOT/all.toml"
check "… with what its comments show, too" $GATE --check-policy "$ROOT/all.toml"
check_says "… of which there are databases" "postgres  none"
grep -v '^#' /etc/sudoers.d/backupctl >"$ROOT/sudoers"
check "sudoers keeps the request" grep -qxF 'Defaults!/usr/local/bin/backupctl env_keep += "SSH_ORIGINAL_COMMAND"' "$ROOT/sudoers"
check "sudoers allows one command, to the letter" test "$(grep NOPASSWD "$ROOT/sudoers")" = 'backup_ops ALL=(root) NOPASSWD: /usr/local/bin/backupctl --ssh-gate'
check_not "… and has no wildcard" grep -q '[*?]' "$ROOT/sudoers"
check "authorized_keys restricts the key to the letter" grep -qxF \
  "restrict,command=\"sudo /usr/local/bin/backupctl --ssh-gate\" $(cat "$ROOT/key.pub")" /home/backup_ops/.ssh/authorized_keys
check "the account cannot write its keys" test "$(stat -c '%U %a' /home/backup_ops/.ssh/authorized_keys)" = "root 644"
check "the account's shell reads no start-up file" test "$(getent passwd backup_ops | cut -d: -f7)" = /bin/sh
check "it has no password, and is not locked" test "$(getent shadow backup_ops | cut -d: -f2)" = '*'
sudo_as() { setpriv --reuid="$1" --regid="$1" --clear-groups env -i SSH_ORIGINAL_COMMAND='backupctl --status' sudo -n "${@:2}"; }
check "sudo lets the account run the gate" sudo_as backup_ops $GATE --ssh-gate
check_not "… and nothing else of it" sudo_as backup_ops $GATE --status
check_not "… nor with another argument" sudo_as backup_ops $GATE --ssh-gate --client other
check_not "… nor a shell" sudo_as backup_ops /bin/sh

# Again: nothing changes, not even the policy that its owner edited.
echo '# edited' >>$POLICY
fingerprint /home /etc/sudoers.d /etc/backupctl /etc/passwd /etc/shadow | grep -v example >"$ROOT/want"
e2e_install
fingerprint /home /etc/sudoers.d /etc/backupctl /etc/passwd /etc/shadow | grep -v example >"$ROOT/got"
check_same "installing again changes nothing" "$ROOT/want" "$ROOT/got"

# A second client has an account and a sudoers line of its own (X8).
check_exit 64 "a second client needs its own account" "$E2E_SOURCE/deploy/install.sh" --no-packages --builddir "$E2E_BUILD" --client two
e2e_install --client two --account backup_two
check "the second client's sudoers line" grep -qxF 'backup_two ALL=(root) NOPASSWD: /usr/local/bin/backupctl --ssh-gate --client two' /etc/sudoers.d/backupctl-two
check_not "the first account cannot be the second client" sudo_as backup_ops $GATE --ssh-gate --client two
check_not "the second account cannot be the first" sudo_as backup_two $GATE --ssh-gate

# Bad input changes nothing.
fingerprint /home /etc/sudoers.d /etc/passwd >"$ROOT/want"
check_exit 65 "a private key is no public key" "$E2E_SOURCE/deploy/install.sh" --no-packages --builddir "$E2E_BUILD" --key "$ROOT/key"
check_exit 65 "a key line with options is refused" "$E2E_SOURCE/deploy/install.sh" --no-packages --builddir "$E2E_BUILD" --key 'command="sh" ssh-ed25519 AAAA'
check_exit 64 "a bad account name is refused" "$E2E_SOURCE/deploy/install.sh" --no-packages --builddir "$E2E_BUILD" --account 'x y'
fingerprint /home /etc/sudoers.d /etc/passwd >"$ROOT/got"
check_same "… and nothing has changed" "$ROOT/want" "$ROOT/got"

check "uninstall" "$E2E_SOURCE/deploy/uninstall.sh"
check "… keeps the policy" test -e $POLICY
check "… takes sudoers away" test -z "$(ls /etc/sudoers.d/backupctl* 2>/dev/null)"
check_not "… takes the accounts away" getent passwd backup_ops backup_two
fingerprint /usr/local /home | sed 's/ [0-9.]* $//' >"$ROOT/got"; sed -i 's/ [0-9.]* $//' "$ROOT/before"
check_same "… and leaves nothing but what was there before" "$ROOT/before" "$ROOT/got"
check "uninstall --purge" "$E2E_SOURCE/deploy/uninstall.sh" --purge
check "… takes policy and state" test ! -e /etc/backupctl -a -z "$(ls -A $STATE)"
e2e_end
