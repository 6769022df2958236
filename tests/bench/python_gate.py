"""What many people write in place of a gate, as small as it can be: run isolated (python3 -I -S), it splits the request, looks
the verb up and refuses."""

import os
import sys

VERBS = {"--stop", "--start", "--sync", "--archive", "--sync-extra", "--status"}
words = os.environ.get("SSH_ORIGINAL_COMMAND", "").split(" ")
if len(words) < 2 or words[0] != "backupctl" or words[1] not in VERBS:
    sys.stderr.write("refused\n")
    sys.exit(64)
