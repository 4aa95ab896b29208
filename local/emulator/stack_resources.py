"""Lets DescribeStackResources find the stack of a resource by its physical id, which the emulator does not.

AWS answers all resources of the stack that has it, or that no stack is there.
"""

from ministack.services.cloudformation import _stacks, handlers

from . import require

require.attributes(handlers, "_ACTION_HANDLERS", "_describe_stack_resources", "_error", "_p")
_describe_stack_resources = handlers._describe_stack_resources


def install():
    """Puts the extension in place."""
    handlers._ACTION_HANDLERS["DescribeStackResources"] = describe_stack_resources


def describe_stack_resources(params):
    """The emulator's own, for the stack that has the resource."""
    physical_id = handlers._p(params, "PhysicalResourceId")
    if not physical_id:
        return _describe_stack_resources(params)
    for name, stack in _stacks.items():
        resources = stack.get("_resources", {}).values()
        if stack.get("StackStatus") != "DELETE_COMPLETE" and any(one.get("PhysicalResourceId") == physical_id for one in resources):
            return _describe_stack_resources({**params, "StackName": [name], "PhysicalResourceId": []})
    return handlers._error("ValidationError", f"Stack for {physical_id} does not exist")
