//! Resources whose effect cannot be judged.

use crate::judge::Found;
use crate::template::Resource;

pub(super) fn opaque(resource: &Resource, allowed: &[String]) -> Vec<Found> {
    let kind = resource.kind.as_str();
    if allowed.iter().any(|known| known == kind) {
        return vec![];
    }
    let what = if kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource" {
        "is a custom resource, whose function does what it likes while the stack changes"
    } else if matches!(kind, "AWS::CloudFormation::StackSet" | "AWS::ServiceCatalog::CloudFormationProvisionedProduct")
    {
        "makes what another template says, which is not here: judge that one by itself"
    } else if kind == "AWS::CloudFormation::Stack" {
        "is a nested stack, whose template is not here: judge that one by itself"
    } else if kind.ends_with("::MODULE") {
        "is a module, whose template is not here"
    } else if kind.starts_with("AWS::Serverless::") {
        "is written for the macro of AWS SAM: give the processed template"
    } else if kind == "AWS::CloudFormation::HookTypeConfig" {
        "says what a hook judges, and can turn it off"
    } else if kind == "AWS::CloudFormation::Macro" {
        "is a macro, which changes templates after they were judged"
    } else if !kind.starts_with("AWS::") {
        "is of a type that is not of AWS"
    } else {
        return vec![];
    };
    vec![Found::at(resource.line, &format!("{kind} {what}"))]
}
