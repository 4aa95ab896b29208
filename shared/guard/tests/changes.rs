//! Change sets, as AWS describes them.

use latchkey_guard::changes::{NoChangeSet, judge};
use latchkey_guard::{Date, Judgement, Law, rules};
use serde_json::{Value, json};

fn judged_text(text: &str) -> Result<Judgement, NoChangeSet> {
    judged_with(text, "")
}

fn judged_with(text: &str, of_template: &str) -> Result<Judgement, NoChangeSet> {
    let rules = rules::built_in();
    let exceptions = rules::parse(of_template, None).expect("exceptions").exception;
    judge(Law { rules: &rules, exceptions: &exceptions, today: Date::at(0) }, text)
}

fn found(changes: &[Value]) -> Vec<(String, String)> {
    let changes: Vec<_> =
        changes.iter().map(|change| json!({ "Type": "Resource", "ResourceChange": change })).collect();
    let judgement = judged_text(&json!({ "Changes": changes, "Status": "CREATE_COMPLETE" }).to_string());
    judgement.expect("a change set").findings.into_iter().map(|finding| (finding.rule, finding.found)).collect()
}

fn log(action: &str, after: &Value) -> Value {
    json!({ "Action": action, "LogicalResourceId": "Log", "ResourceType": "AWS::Logs::LogGroup", "AfterContext": after.to_string() })
}

#[test]
fn a_resource_is_judged_by_what_it_will_be() {
    for action in ["Add", "Modify", "Import"] {
        assert_eq!(found(&[log(action, &json!({ "Properties": { "RetentionInDays": "30" } }))]), []);
        let without = found(&[log(action, &json!({ "Properties": {} }))]);
        assert_eq!(without[0].0, "log-groups-expire");
    }
}

#[test]
fn a_value_that_only_the_deployment_decides_satisfies_no_rule() {
    let late = json!({ "Properties": { "RetentionInDays": "{{changeSet:KNOWN_AFTER_APPLY}}" } });
    assert_eq!(found(&[log("Add", &late)])[0].0, "log-groups-expire");
}

#[test]
fn a_change_that_deletes_or_replaces_what_must_be_kept_is_refused() {
    let change = |action: &str, policy: Option<&str>| {
        json!({ "Action": action, "PolicyAction": policy, "LogicalResourceId": "Users", "ResourceType": "AWS::DynamoDB::Table",
            "AfterContext": json!({ "Properties": { "DeletionProtectionEnabled": "true",
                "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": "true" } } }).to_string() })
    };
    for (action, policy) in [("Remove", None), ("Remove", Some("Delete")), ("Modify", Some("ReplaceAndDelete"))] {
        assert_eq!(found(&[change(action, policy)])[0].0, "tables-keep-their-data", "{action} {policy:?}");
    }
    for (action, policy) in [("Remove", Some("Retain")), ("Modify", Some("ReplaceAndRetain")), ("Modify", None)] {
        assert_eq!(found(&[change(action, policy)]), [], "{action} {policy:?}");
    }
}

#[test]
fn a_replacement_that_does_not_say_what_becomes_of_the_old_table_is_refused() {
    for (replacement, refused) in [("True", true), ("Conditional", true), ("False", false)] {
        let change = json!({ "Action": "Modify", "Replacement": replacement, "LogicalResourceId": "Pool",
            "ResourceType": "AWS::Cognito::IdentityPool", "AfterContext": json!({ "Properties": {} }).to_string() });
        assert_eq!(!found(&[change]).is_empty(), refused, "{replacement}");
    }
}

#[test]
fn a_loss_that_is_excepted_leaves_the_rest_to_be_judged() {
    let change = json!({ "Action": "Modify", "PolicyAction": "ReplaceAndDelete", "LogicalResourceId": "Outbox",
        "ResourceType": "AWS::DynamoDB::Table", "AfterContext": json!({ "Properties": { "DeletionProtectionEnabled": "true" } }).to_string() });
    let set = json!({ "Changes": [{ "Type": "Resource", "ResourceChange": change }] }).to_string();
    let exception = "[[exception]]\nrule = 'tables-keep-their-data'\nresource = 'Outbox'\nproperties = ['UpdateReplacePolicy']\n\
        reason = 'nothing in it outlives a day'\n";
    let findings = judged_with(&set, exception).expect("a change set").findings;
    let found: Vec<_> = findings.iter().map(|finding| finding.found.as_str()).collect();
    assert_eq!(found, ["PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled is missing, and should be true"]);
}

#[test]
fn an_attribute_that_the_change_shows_is_judged() {
    let pool = json!({ "Action": "Modify", "LogicalResourceId": "Pool", "ResourceType": "AWS::Cognito::IdentityPool",
        "AfterContext": json!({ "Properties": {}, "DeletionPolicy": "Delete" }).to_string() });
    assert_eq!(found(&[pool])[0].0, "identity-pools-are-retained");
}

#[test]
fn what_the_change_set_does_not_say_is_refused() {
    let unresolved = |change: Value| {
        let found = found(&[change]);
        assert_eq!(found[0].0, "everything-is-resolved", "{found:?}");
    };
    unresolved(json!({ "Action": "Modify", "LogicalResourceId": "Log", "ResourceType": "AWS::Logs::LogGroup" }));
    unresolved(json!({ "Action": "Dynamic", "LogicalResourceId": "Log", "ResourceType": "AWS::Logs::LogGroup" }));
    unresolved(
        json!({ "Action": "Modify", "LogicalResourceId": "Log", "ResourceType": "AWS::Logs::LogGroup", "AfterContext": "[" }),
    );
    unresolved(
        json!({ "Action": "Modify", "LogicalResourceId": "Inner", "ResourceType": "AWS::CloudFormation::Stack", "ChangeSetId": "x" }),
    );
    unresolved(json!({ "Action": "Add" }));
    let unknown = judged_text(&json!({ "Changes": [{ "Type": "Weather" }] }).to_string()).expect("a change set");
    assert_eq!(unknown.findings[0].rule, "everything-is-resolved");
}

#[test]
fn one_page_of_several_and_something_else_are_no_change_set() {
    assert_eq!(judged_text(r#"{"Changes": [], "NextToken": "x"}"#), Err(NoChangeSet::Partial));
    assert_eq!(judged_text(r#"{"Stacks": []}"#), Err(NoChangeSet::NoChanges));
    assert_eq!(judged_text(r#"{"Changes": "all"}"#), Err(NoChangeSet::NoChanges));
    assert!(matches!(judged_text("{"), Err(NoChangeSet::Unreadable(_))));
}
