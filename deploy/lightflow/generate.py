#!/usr/bin/env python3
"""Writes setup.json: the Lightflow set-up for a list of services. All tasks are made of the same four steps, so they are written
by one function instead of by hand.   ./generate.py calibre immich … >setup.json"""

import json
import sys

# The client's own limits (seconds) and what a step may take in Lightflow: longer, so that the client ends first and says why.
LIMITS = {"STOP_TIMEOUT": 120, "SYNC_TIMEOUT": 3600, "ARCHIVE_TIMEOUT": 3600, "START_TIMEOUT": 300}
MARGIN = 120

VARIABLES = {
    "BACKUP_HOST": "backup_ops@host.containers.internal",
    "BACKUP_SSH_KEY": "/data/.ssh/id_ed25519",
    "BACKUP_KNOWN_HOSTS": "/data/.ssh/known_hosts",
    "ONEDRIVE_REMOTE": "onedrive",
    "ONEDRIVE_FOLDER": "/OdroidBackup",
    "KEEP_WEEKLY": "3",
    "KEEP_MONTHLY": "12",
    "ARCHIVE_WEEKDAY": "sunday",
    **{name: str(seconds) for name, seconds in LIMITS.items()},
}


def step(name, command, limit, run):
    return {"name": name, "command": command, "run": run, "timeout": LIMITS[limit] + MARGIN, "skipped_exit_codes": [75]}


def task(service):
    return {
        "name": f"backup-{service}",
        "schedule": "0 3 * * *",
        "pool": "backup",
        "max_active_runs": 1,
        "steps": [
            step("stop", f"backup-client --stop {service}", "STOP_TIMEOUT", "on_success"),
            step("sync", f"backup-client --sync {service}", "SYNC_TIMEOUT", "on_success"),
            step("archive", f"backup-client --archive {service}", "ARCHIVE_TIMEOUT", "on_success"),
            step("start", f"backup-client --start {service}", "START_TIMEOUT", "always"),
        ],
    }


def extra(target):
    return {
        "name": f"backup-extra-{target}",
        "schedule": "0 3 * * *",
        "pool": "backup",
        "max_active_runs": 1,
        "steps": [step("sync-extra", f"backup-client --sync-extra {target}", "SYNC_TIMEOUT", "on_success")],
    }


def main():
    services = [word for word in sys.argv[1:] if not word.startswith("extra:")]
    targets = [word.removeprefix("extra:") for word in sys.argv[1:] if word.startswith("extra:")]
    setup = {
        "format": "backupctl-lightflow-1",
        "pools": [{"name": "backup", "slots": 1}],
        "variables": VARIABLES,
        "tasks": [task(service) for service in services] + [extra(target) for target in targets],
    }
    json.dump(setup, sys.stdout, indent=2)
    print()


main()
