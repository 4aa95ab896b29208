//! Rules and exceptions of an owner and of a template, and files that cannot be read.

use super::{OF_TEMPLATE, altered, judged_with, parameters, service, today};
use latchkey::{Case, guard, guard_all};

const MISTAKE: (&str, &str, &str) = ("\n  LoginLog:", "      RetentionInDays: !Ref LogRetentionDays\n", "");
const EXCEPTION: &str =
    "[[exception]]\nrule = 'log-groups-expire'\nresource = 'LoginLog'\nreason = 'an audit asks for all of them'\n";

#[test]
fn an_owner_excepts_a_resource_from_a_rule_until_a_day() {
    let template = altered(MISTAKE.0, MISTAKE.1, MISTAKE.2);
    let until = |day: &str| judged_with(&template, Some(&format!("{EXCEPTION}until = '{day}'\n")));
    assert!(until("2026-11-26").unwrap().contains("LoginLog is excepted from log-groups-expire until 2026-11-26"));
    let ended = until("2026-11-25").unwrap_err();
    assert!(ended[0].contains("the exception ended on 2026-11-25"), "{ended:?}");
    let unbounded = judged_with(&template, Some(EXCEPTION)).unwrap_err();
    assert_eq!(
        unbounded,
        ["guard.toml: exception to log-groups-expire for LoginLog: it needs an end, such as until = \"2027-03-31\""]
    );
}

#[test]
fn an_exception_covers_one_resource_and_one_rule() {
    let owner = format!("{EXCEPTION}until = '2027-01-31'\n");
    let other = altered("\n  MailLog:", MISTAKE.1, MISTAKE.2);
    assert!(judged_with(&other, Some(&owner)).is_err());
    assert!(
        judged_with(service(), Some(&owner))
            .unwrap()
            .contains("the exception of LoginLog from log-groups-expire is not needed")
    );
}

#[test]
fn a_template_may_use_the_custom_resources_that_its_own_file_lists() {
    let template = altered(
        "\nResources:\n",
        "Resources:\n",
        "Resources:\n  Try:\n    Type: Custom::Other\n    Version: \"1.0\"\n",
    );
    let case = |file| Case {
        template: Some(("t", &template)),
        parameters: Some(("p", parameters())),
        of_template: Some(("stacks/guard.toml", file)),
        ..Case::default()
    };
    let listed = OF_TEMPLATE.replace("[\"Custom::Trial\"]", "[\"Custom::Trial\", \"Custom::Other\"]");
    assert!(guard(case(&listed), today()).is_ok());
    assert!(guard(case(OF_TEMPLATE), today()).unwrap_err()[0].contains("Custom::Other is a custom resource"));
}

#[test]
fn an_owner_adds_a_rule() {
    let rule = "[[rule]]\nname = 'functions-are-small'\nsentence = 'Memory costs money.'\ntypes = ['AWS::Lambda::Function']\n\
        [[rule.require]]\nproperty = 'MemorySize'\nat-most = 1024\n";
    let lines = judged_with(service(), Some(rule)).unwrap_err();
    assert!(
        lines[0].contains("MemorySize is 1769, and should be at most 1024. Memory costs money. (functions-are-small)")
    );
    let twice = judged_with(service(), Some(&rule.replace("functions-are-small", "log-groups-expire")));
    assert_eq!(twice.unwrap_err(), ["there are two rules log-groups-expire"]);
}

/// A list of one template, and what is judged of it.
fn listed(list: &str) -> Result<String, Vec<String>> {
    const LOG: &str = "Parameters:\n  Days: { Type: Number }\nResources:\n  Log:\n    Type: AWS::Logs::LogGroup\n    Properties: { RetentionInDays: !Ref Days }\n";
    let read =
        |file: &str| if file == "log.yaml" { Ok(LOG.to_owned()) } else { Err(vec![format!("{file}: is not there")]) };
    guard_all(("guard.toml", list), None, read, today())
}

#[test]
fn a_list_of_templates_says_with_which_values_and_exceptions_each_is_judged() {
    let template = "[[template]]\nfile = 'log.yaml'\n";
    let days = |days: u32| format!("{template}parameters = {{ Days = '{days}' }}\n");
    assert!(listed(&days(30)).unwrap().starts_with("log.yaml: "));
    assert!(listed(template).unwrap_err()[0].starts_with("log.yaml:2: the parameter Days has no value"));
    let forever = listed(&days(0)).unwrap_err();
    assert!(forever[0].starts_with("log.yaml:6: Log: RetentionInDays is 0"), "{forever:?}");
    let exception = EXCEPTION.replace("[[exception]]", "[[template.exception]]").replace("LoginLog", "Log");
    assert!(listed(&format!("{}{exception}", days(0))).is_ok());
    // One that nothing needs would hide the next mistake.
    assert_eq!(
        listed(&format!("{}{exception}", days(30))).unwrap_err(),
        ["guard.toml: log.yaml: the exception of Log from log-groups-expire is not needed: take it out"]
    );
    assert_eq!(listed("[[template]]\nfile = 'gone.yaml'\n").unwrap_err(), ["gone.yaml: is not there"]);
    assert_eq!(listed("").unwrap_err(), ["guard.toml: it lists no [[template]]"]);
}

#[test]
fn what_cannot_be_read_is_refused_by_its_name_and_never_repeated() {
    let case = Case { template: Some(("template.yaml", "Resources: [s3cr3t")), ..Case::default() };
    assert_eq!(guard(case, today()).unwrap_err(), ["template.yaml:2: this is neither YAML nor JSON"]);
    let template = service();
    let case = Case { template: Some(("t", template)), parameters: Some(("p.json", "s3cr3t")), ..Case::default() };
    assert!(guard(case, today()).unwrap_err()[0].starts_with("p.json: this is no JSON list"));
    let case = Case { change_set: Some(("c.json", "{}")), ..Case::default() };
    assert_eq!(guard(case, today()).unwrap_err(), ["c.json: this is no change set: it has no list of Changes"]);
}
