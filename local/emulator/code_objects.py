"""A function of a stack whose code is not in its bucket, which the emulator creates without any.

Lambda reads the object when the function is created, and CloudFormation reports what S3 answers (AWS CloudFormation Template Reference,
"AWS::Lambda::Function Code"). An update with a key that is not there the emulator refuses by itself.
"""

from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from . import require

require.attributes(provisioners, "_RESOURCE_HANDLERS")
require.attributes(lambda_svc, "_fetch_code_from_s3")


def install():
    """Puts the extension in place."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create = handlers["create"]

    def created(logical_id, properties, stack_name):
        refuse_missing(properties.get("Code") or {})
        return create(logical_id, properties, stack_name)

    handlers["create"] = created


def refuse_missing(code):
    """Fails as CreateFunction does where the object is missing."""
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if bucket and key and lambda_svc._fetch_code_from_s3(bucket, key, version_id=code.get("S3ObjectVersion")) is None:
        raise ValueError(
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist. "
            "(Service: Lambda, Status Code: 400)"
        )
