"""Runs the tests of the emulator's extensions without the extension, and expects them to fail: a test that passes without shows nothing.

    .local/venv/bin/python tests/local/without.py                 every extension of local/emulator, one after the other
    .local/venv/bin/python tests/local/without.py EXTENSION...    these, by the names of their files without `.py`

By hand, after a change of an extension or of its tests: it takes some minutes, and the last lines are a table. That they pass with the
extension is what test.sh sees to. The tests run in a copy of
the repository's folders `tests/local` and `local`, in which the extension is not installed; all else is where it was. Nothing in what
local.sh starts knows of it. target/debug must have what the tests of the scripts and of the notifier need.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Seconds for the tests of one extension.
LIMIT = 1_200
# The tests that show each extension, by file: parts of their names, as unittest's -k takes them.
SHOWN_BY = {
    "alarms": {"test_events": ["metrics_tell"]},
    "code_objects": {"test_stacks": ["not_in_its_bucket"]},
    "custom_resource": {"test_custom_resources": [
        "of_more_than_four_kibibytes", "no_json_object", "never_taken", "not_those_of_the_request", "missing_empty_or_too_long",
        "another_status", "after_a_failed_create", "after_a_refused_answer", "without_rollback", "service_token_cannot_be_changed",
        "ends_with_the_service_timeout", "timeout_out_of_range", "invoked_twice_more", "delivered_twice", "refused_on_demand",
        "masked_in_outputs", "no_function_of_the_region",
    ]},
    "developer_identity": {"test_emulator": ["identity", "a_token", "is_refused", "gets_tokens_for_others", "survive_a_restart"]},
    "encryption_keys": {"test_encryption_keys": ["stops_what_it_encrypts", "does_not_make_a_function"]},
    "invocations": {"test_events": ["retry_setting", "by_their_weights", "a_topic_calls"]},
    "json_logs": {"test_events": ["loses_its_level"]},
    "lambda_qualifier": {"test_emulator": ["tells_an_alias_from_a_version"]},
    "metrics": {"test_events": ["metrics_tell"]},
    "other_accounts": {"test_notifier": ["invokes_it_directly"]},
    "principal_arn": {"test_notifier": ["a_policy_change_are_refused"]},
    "public_access": {"test_stacks": ["accounts_block_is_said", "may_not_read_the_block"]},
    "ses_identity": {"test_emulator": ["names_the_only_sender"]},
    "ses_rules": {
        "test_events": ["authorized_by_their_own_arns", "verified_addresses_only"], "test_stacks": ["another_link"],
    },
    "stack_deletions": {"test_stacks": ["protected_table", "a_deletion_that_failed"]},
    "stack_resources": {"test_whole_runs": ["stands_in_the_way"]},
    "streams": {"test_events": [
        "first_record_that_failed", "retries_end_where", "halved_until", "older_than_the_mapping", "without_a_right_to_read", "after_a_restart",
        "its_weights_choose",
    ]},
    "transforms": {"test_stacks": ["with_a_transform"]},
    "transport": {"test_emulator": ["over_tls", "no_header_says"]},
    "upload_key": {"test_notifier": ["without_this_key"]},
}
# Runs tests of one file, and prints which there were and which of them failed.
PROGRAM = """
import json, sys, unittest
class Result(unittest.TestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.ran, self.bad = [], set()
    def startTest(self, test):
        super().startTest(test)
        self.ran.append(test.id())
    def addFailure(self, test, error):
        self.bad.add(test.id())
    # What goes wrong in setUpClass is here as well.
    addError = addFailure
    def addSubTest(self, test, part, error):
        if error:
            self.bad.add(test.id())
loader, result = unittest.TestLoader(), Result()
loader.testNamePatterns = [f"*{part}*" for part in sys.argv[2:]]
loader.loadTestsFromName(sys.argv[1]).run(result)
print(json.dumps([result.ran, sorted(result.bad)]))
"""


def shadow(folder, extension):
    """Makes the repository again in a folder, with an emulator that does not install an extension."""
    for entry in ROOT.iterdir():
        if entry.name not in ("tests", "local"):
            (folder / entry.name).symlink_to(entry)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests" / "local", folder / "tests" / "local", ignore=ignored)
    shutil.copytree(ROOT / "local", folder / "local", ignore=ignored)
    start, line = folder / "local" / "emulator" / "__main__.py", f"\n{extension}.install()\n"
    text = start.read_text()
    if line not in text:
        raise SystemExit(f"the emulator installs no extension {extension}")
    start.write_text(text.replace(line, "\n"))


def run(extension):
    """The tests of an extension that failed without it, and those that passed."""
    failed, passed = [], []
    for file, parts in SHOWN_BY[extension].items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shadow(folder, extension)
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, file, *parts], cwd=folder / "tests" / "local", stdout=subprocess.PIPE, text=True,
                timeout=LIMIT, check=True,
            )
        ran, bad = json.loads(done.stdout.splitlines()[-1])
        for part in parts:
            # What fails in setUpClass has run no test.
            if not any(part in test or test.startswith("setUpClass") for test in [*ran, *bad]):
                raise SystemExit(f"{extension}: no test of {file} is called {part}")
        failed += bad
        passed += [test for test in ran if test not in bad]
    return failed, passed


def main(extensions):
    lines, shown = [], True
    for extension in extensions or sorted(SHOWN_BY):
        failed, passed = run(extension)
        lines += [f"{extension}: {test} {how}" for tests, how in ((failed, "fails"), (passed, "PASSES")) for test in tests]
        print(f"{extension}: {len(failed)} fail without it, and {len(passed)} pass", flush=True)
        shown = shown and failed and not passed
    print("\n".join(lines))
    return 0 if shown else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
