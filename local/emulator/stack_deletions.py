"""Lets a stack fail to delete what AWS does not delete: a table that is protected, and a bucket that is not empty.

On AWS such a stack ends ROLLBACK_FAILED or DELETE_FAILED (DynamoDB Developer Guide, "Using deletion protection"; CloudFormation User
Guide, "Delete stack fails"). The emulator deletes both without asking, so that a rollback always ends well.
"""

from ministack.services import dynamodb, s3
from ministack.services.cloudformation import provisioners

from . import require

require.attributes(provisioners, "_RESOURCE_HANDLERS")
require.attributes(dynamodb, "_tables")
require.attributes(s3, "_buckets")


def install():
    """Puts the extension in place."""
    guard("AWS::DynamoDB::Table", refuse_protected_table)
    guard("AWS::S3::Bucket", refuse_filled_bucket)


def guard(resource_type, refusal):
    """Asks before a resource of a type is deleted for a stack."""
    handlers = provisioners._RESOURCE_HANDLERS[resource_type]
    delete = handlers["delete"]

    def guarded(physical_id, properties):
        refusal(physical_id)
        return delete(physical_id, properties)

    handlers["delete"] = guarded


def refuse_protected_table(name):
    """Fails as DeleteTable does for a table with deletion protection."""
    if (dynamodb._tables.get(name) or {}).get("DeletionProtectionEnabled"):
        raise ValueError(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first. "
            "(Service: DynamoDb, Status Code: 400)"
        )


def refuse_filled_bucket(name):
    """Fails as DeleteBucket does for a bucket with objects."""
    if (s3._buckets.get(name) or {}).get("objects"):
        raise ValueError("The bucket you tried to delete is not empty (Service: S3, Status Code: 409)")
