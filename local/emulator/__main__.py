"""Starts the emulator with Latchkey's extensions. Its settings are MiniStack's environment variables.

An argument, the folder of the state, only marks the process for local.sh, which ends it by its command line.
"""

import sys

from ministack import app

from . import (
    alarms, code_objects, custom_resource, developer_identity, encryption_keys, invocations, json_logs, lambda_qualifier, metrics,
    other_accounts, principal_arn, public_access, ses_identity, ses_rules, stack_deletions, stack_resources, streams, transforms,
    transport, upload_key,
)

developer_identity.install()
ses_identity.install()
ses_rules.install()
lambda_qualifier.install()
transport.install()
custom_resource.install()
code_objects.install()
stack_deletions.install()
stack_resources.install()
transforms.install()
public_access.install()
streams.install()
invocations.install()
metrics.install()
json_logs.install()
upload_key.install()
principal_arn.install()
other_accounts.install()
alarms.install()
encryption_keys.install()
del sys.argv[1:]
app.main()
