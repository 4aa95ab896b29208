"""What CloudFormation takes for the answer of a custom resource, and what it refuses.

The rules are those of the AWS CloudFormation User Guide, "Custom resource request types" and "Custom resource response objects".
"""

import json

# Bytes: of the whole body, and of the id in it.
LONGEST_BODY, LONGEST_ID = 4_096, 1_024
COPIED = ("StackId", "RequestId", "LogicalResourceId")


class Refused(ValueError):
    """Why an answer is none."""


def parse(body, request):
    """The answer to a request: a dictionary whose fields are what CloudFormation asks for. Raises Refused."""
    if len(body) > LONGEST_BODY:
        raise Refused(f"Response object is too long: {len(body)} bytes, and {LONGEST_BODY} are allowed.")
    try:
        answer = json.loads(body)
    except ValueError:
        raise Refused("Invalid response object: it is no JSON.") from None
    if not isinstance(answer, dict):
        raise Refused("Invalid response object: it is no JSON object.")
    for field in COPIED:
        if answer.get(field) != request[field]:
            raise Refused(f"Invalid response object: {field} is not that of the request.")
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        raise Refused("Invalid response object: Status is neither SUCCESS nor FAILED.")
    if not physical_id(answer):
        raise Refused(f"Invalid PhysicalResourceId: it should be a text of 1 to {LONGEST_ID} bytes.")
    if answer["Status"] == "FAILED" and not (isinstance(answer.get("Reason"), str) and answer["Reason"]):
        raise Refused("Invalid response object: Status is FAILED, and there is no Reason.")
    if not isinstance(answer.get("Data", {}), dict):
        raise Refused("Invalid response object: Data is no JSON object.")
    if not isinstance(answer.get("NoEcho", False), bool):
        raise Refused("Invalid response object: NoEcho is neither true nor false.")
    return answer


def physical_id(answer):
    """The id in an answer, or None if it holds none that CloudFormation takes."""
    id = answer.get("PhysicalResourceId")
    return id if isinstance(id, str) and 0 < len(id.encode()) <= LONGEST_ID else None
