//! The guard on Latchkey's own template: as it is, with plausible mistakes, and with harmless changes.

use latchkey::{Caller, Case, Date, functions, guard};
use latchkey_guard::rules::{self, Check};
use proptest::prelude::*;
use std::sync::OnceLock;

const OF_TEMPLATE: &str = include_str!("../../../stacks/guard.toml");

fn today() -> Date {
    Date::parse("2026-11-26").expect("a date")
}

fn parameters() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    let config = serde_json::from_str(include_str!("../../../config.json")).expect("a configuration");
    MADE.get_or_init(|| latchkey::parameters(&config, "", &[]))
}

fn judged_with(template: &str, of_owner: Option<&str>) -> Result<String, Vec<String>> {
    guard(
        Case {
            template: Some(("template.yaml", template)),
            parameters: Some(("parameters.json", parameters())),
            change_set: None,
            of_template: Some(("stacks/guard.toml", OF_TEMPLATE)),
            of_owner: of_owner.map(|text| ("guard.toml", text)),
        },
        today(),
    )
}

fn judged(template: &str) -> Result<String, Vec<String>> {
    judged_with(template, None)
}

/// The template of the service, made once.
fn service() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(latchkey::template)
}

/// The template with the first occurrence of a text after another one replaced.
fn altered(after: &str, from: &str, to: &str) -> String {
    let template = service();
    let start = template.find(after).unwrap_or_else(|| panic!("the template has no {after:?}"));
    let at = template[start..].find(from).unwrap_or_else(|| panic!("there is no {from:?} after {after:?}")) + start;
    format!("{}{to}{}", &template[..at], &template[at + from.len()..])
}

#[test]
fn the_template_of_the_service_passes_and_so_does_the_one_that_the_stack_begins_with() {
    assert_eq!(judged(service()).unwrap(), format!("{} rules hold\n", rules::built_in().len()));
    assert!(judged(&latchkey::bootstrap()).is_ok());
}

const HOOK: &str = include_str!("../../../stacks/hook.yaml");
const HOOK_TEST: &str = include_str!("../../../stacks/hook-test.yaml");

#[test]
fn the_stacks_of_the_hook_keep_the_rules_themselves() {
    let code = r#"[{"ParameterKey": "CodeBucket", "ParameterValue": "code"}, {"ParameterKey": "CodeObject", "ParameterValue": "zip"}]"#;
    for template in [HOOK, HOOK_TEST] {
        let case = Case { template: Some(("t", template)), parameters: Some(("p", code)), ..Case::default() };
        assert_eq!(guard(case, today()).unwrap(), format!("{} rules hold\n", rules::built_in().len()));
    }
}

#[test]
fn the_hook_is_asked_about_every_type_that_a_rule_is_about_and_warns_unless_told_otherwise() {
    let names: Vec<_> = HOOK.lines().filter_map(|line| line.strip_prefix("          - ")).collect();
    for kind in rules::built_in().iter().flat_map(|rule| &rule.types).filter(|kind| *kind != "*") {
        let covered =
            |name: &&str| name.strip_suffix('*').map_or(**name == *kind, |beginning| kind.starts_with(beginning));
        assert!(names.iter().any(covered), "{kind}");
    }
    assert!(HOOK.contains("  FailureMode:\n    Type: String\n    Default: WARN\n"));
}

#[test]
fn plausible_mistakes_are_refused_with_the_rule_the_line_and_a_sentence() {
    const ROLE_OF: &str = "\n  LoginRole:\n";
    let mistakes: &[(&str, &str, &str, &str, &str)] = &[
        // After, what, by what; the rule, and words of the sentence.
        (
            "\n  MailRole:",
            "StringEquals: { \"ses:FromAddress\": !Ref Sender }",
            "StringLike: { \"ses:FromAddress\": \"*\" }",
            "policies-name-what-they-allow",
            "identity/* is a wildcard",
        ),
        (
            "\n  Users:",
            "DeletionProtectionEnabled: true",
            "DeletionProtectionEnabled: false",
            "tables-keep-their-data",
            "Users: DeletionProtectionEnabled is false, and should be true. A table keeps",
        ),
        (
            "\n  Users:",
            "PointInTimeRecoveryEnabled: true",
            "PointInTimeRecoveryEnabled: no",
            "tables-keep-their-data",
            "PointInTimeRecoveryEnabled is false",
        ),
        (
            "\n  Users:",
            "DeletionPolicy: RetainExceptOnCreate",
            "DeletionPolicy: Delete",
            "tables-keep-their-data",
            "DeletionPolicy is Delete",
        ),
        ("\n  Users:", "      DeletionProtectionEnabled: true\n", "", "tables-keep-their-data", "is missing"),
        (
            "\n  IdentityPool:",
            "    UpdateReplacePolicy: Retain\n",
            "",
            "identity-pools-are-retained",
            "IdentityPool: UpdateReplacePolicy is missing",
        ),
        (
            ROLE_OF,
            "Action: [dynamodb:GetItem, dynamodb:UpdateItem]",
            "Action: [\"dynamodb:*\"]",
            "policies-name-what-they-allow",
            "LoginRole: the action dynamodb:* is a wildcard",
        ),
        (
            ROLE_OF,
            "Action: [dynamodb:GetItem, dynamodb:UpdateItem]",
            "NotAction: [dynamodb:DeleteTable]",
            "policies-name-what-they-allow",
            "NotAction allows everything but what it lists",
        ),
        (
            ROLE_OF,
            "table/${TableName}",
            "table/*",
            "policies-name-what-they-allow",
            "is a wildcard for everything of its kind",
        ),
        (
            ROLE_OF,
            "    Properties:\n",
            "    Properties:\n      ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess]\n",
            "policies-name-what-they-allow",
            "the managed policy arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        (
            ROLE_OF,
            "Principal: { Service: lambda.amazonaws.com }",
            "Principal: { AWS: \"*\" }",
            "roles-say-who-may-take-them",
            "LoginRole: everybody may take the role",
        ),
        (
            "\n  AuthenticatedRole:",
            "              StringEquals: { \"cognito-identity.amazonaws.com:aud\": !If [MakesIdentityPool, !Ref IdentityPool, !Ref ExistingIdentityPool] }\n",
            "",
            "roles-say-who-may-take-them",
            "does not name its identity pool",
        ),
        (
            "\n  AuthenticatedRole:",
            "\"ForAnyValue:StringLike\": { \"cognito-identity.amazonaws.com:amr\": authenticated }",
            "Null: { \"aws:userid\": \"false\" }",
            "guests-call-the-contract-only",
            "AuthenticatedRole: guests may call sampleAuthChangePassword",
        ),
        (
            "\n  AnonymousRole:",
            "function:${FunctionPrefix}CreateUser\"",
            "function:${FunctionPrefix}*\"",
            "guests-call-the-contract-only",
            "AnonymousRole: guests may call sampleAuth*",
        ),
        (
            "\n  AnonymousRole:",
            "function:${FunctionPrefix}Login:live",
            "function:${FunctionPrefix}Mail:live",
            "guests-call-the-contract-only",
            "guests may call sampleAuthMail:live",
        ),
        (
            "\n  AnonymousRole:",
            "Action: lambda:InvokeFunction",
            "Action: [lambda:InvokeFunction, dynamodb:GetItem]",
            "guests-call-the-contract-only",
            "guests may do dynamodb:GetItem",
        ),
        (
            "\n  Code:",
            "BlockPublicPolicy: true",
            "BlockPublicPolicy: false",
            "buckets-block-public-access",
            "Code: PublicAccessBlockConfiguration.BlockPublicPolicy is false",
        ),
        (
            "\n  Site:",
            "IgnorePublicAcls: true",
            "IgnorePublicAcls: false",
            "buckets-block-public-access",
            "Site: PublicAccessBlockConfiguration.IgnorePublicAcls is false",
        ),
        (
            "\n  Site:",
            "      OwnershipControls:\n        Rules: [{ ObjectOwnership: BucketOwnerEnforced }]\n",
            "      AccessControl: PublicRead\n",
            "buckets-block-public-access",
            "AccessControl is there",
        ),
        (
            "\n  CodePolicy:",
            "\"aws:SecureTransport\": \"false\"",
            "\"aws:SecureTransport\": \"true\"",
            "buckets-refuse-plain-http",
            "Code: no policy of the bucket denies requests without TLS",
        ),
        (
            "\n  SitePolicy:",
            "!Sub \"${Site.Arn}/*.html\"",
            "!Sub \"${Site.Arn}/*\"",
            "bucket-policies-publish-only-objects",
            "everybody may read everything in ${Site.Arn}/*",
        ),
        (
            "\n  SitePolicy:",
            "Action: s3:GetObject",
            "Action: [s3:GetObject, s3:PutObject]",
            "bucket-policies-publish-only-objects",
            "everybody may do s3:PutObject",
        ),
        (
            "\n  LoginLog:",
            "      RetentionInDays: !Ref LogRetentionDays\n",
            "",
            "log-groups-expire",
            "LoginLog: RetentionInDays is missing",
        ),
        (
            "\n  Login:\n    Type",
            "    Timeout: 15\n",
            "    Timeout: 1500\n",
            "functions-have-limits",
            "Login: Timeout is 1500, and should be 1 to 900",
        ),
        (
            "\n  Login:\n    Type",
            "        LogGroup: !Ref LoginLog\n",
            "",
            "functions-have-limits",
            "LoggingConfig.LogGroup is missing",
        ),
        (
            "\n  Login:\n    Type",
            "Role: !GetAtt LoginRole.Arn",
            "Role: !GetAtt MailRole.Arn",
            "functions-have-a-role-of-their-own",
            "Login: Mail has the role MailRole too",
        ),
        (
            "\n  MailKey:",
            "    NoEcho: true\n",
            "",
            "secrets-are-hidden",
            "MailKey: the parameter has the name of a secret and no NoEcho",
        ),
        (
            "\nOutputs:\n",
            "!Ref KeyIds",
            "!Ref AuditKey",
            "secrets-are-hidden",
            "an output shows the hidden parameter AuditKey",
        ),
        (
            "\n  Login:\n    Type",
            "revision ${Revision}\"",
            "key ${DeviceKey}\"",
            "secrets-are-hidden",
            "Description shows the hidden parameter DeviceKey",
        ),
        (
            "\n  Login:\n    Type",
            "DEVICE_KEY: !Ref DeviceKey",
            "DEVICE_KEY: correct horse",
            "secrets-are-hidden",
            "the variable DEVICE_KEY has the name of a secret",
        ),
        (
            "\nResources:\n",
            "Resources:\n",
            "Resources:\n  Open:\n    Type: AWS::Lambda::Url\n    Properties: { AuthType: NONE, TargetFunctionArn: !Ref Login }\n",
            "nothing-is-open-to-everybody",
            "Open: anybody may call the function at this URL",
        ),
        (
            "\nResources:\n",
            "Resources:\n",
            "Resources:\n  Open:\n    Type: AWS::Lambda::Permission\n    Properties: { Principal: \"*\", Action: lambda:InvokeFunction, FunctionName: !Ref Login }\n",
            "nothing-is-open-to-everybody",
            "Open: everybody may invoke the function",
        ),
        (
            "\nResources:\n",
            "Resources:\n",
            "Resources:\n  Hole:\n    Type: AWS::IAM::RolePolicy\n    Properties:\n      RoleName: !Ref AnonymousRole\n      PolicyName: more\n      PolicyDocument:\n        Statement: { Effect: Allow, Action: s3:GetObject, Resource: !Sub \"${Code.Arn}/functions/*\" }\n",
            "guests-call-the-contract-only",
            "guests may do s3:GetObject",
        ),
        (
            "\nResources:\n",
            "Resources:\n",
            "Resources:\n  Run:\n    Type: Custom::Work\n    Properties: { ServiceToken: !GetAtt Login.Arn }\n",
            "every-effect-can-be-judged",
            "Custom::Work is a custom resource",
        ),
        (
            "\nResources:\n",
            "Resources:\n",
            "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties: { TemplateURL: https://example.com/t.yaml }\n",
            "every-effect-can-be-judged",
            "is a nested stack",
        ),
        (
            "\nParameters:\n",
            "Parameters:\n",
            "Transform: AWS::Serverless-2016-10-31\nParameters:\n",
            "everything-is-resolved",
            "uses a macro",
        ),
        (
            ROLE_OF,
            "Action: [dynamodb:GetItem, dynamodb:UpdateItem]",
            "Action: !Split [\",\", !ImportValue Actions]",
            "everything-is-resolved",
            "imported from another stack",
        ),
        (
            "\n  IdentityPool:",
            "AllowClassicFlow: false",
            "AllowClassicFlow: true",
            "identity-pools-refuse-the-classic-flow",
            "IdentityPool: AllowClassicFlow is true, and should be false",
        ),
        (
            "\n  Login:\n    Type",
            "    Properties:\n",
            "    Metadata: { Shown: !Ref DeviceKey }\n    Properties:\n",
            "secrets-are-hidden",
            "Login: Metadata shows the hidden parameter DeviceKey",
        ),
        (
            "\nOutputs:\n",
            "!Ref KeyIds",
            "!Select [1, !Split [\":\", !Ref AuditKey]]",
            "secrets-are-hidden",
            "an output shows the hidden parameter AuditKey",
        ),
        (
            "\n  CodePolicy:",
            "Principal: \"*\"",
            "NotPrincipal: { AWS: arn:aws:iam::123456789012:root }",
            "buckets-refuse-plain-http",
            "Code: no policy of the bucket denies requests without TLS",
        ),
    ];
    assert!(mistakes.len() >= 20);
    for (after, from, to, rule, sentence) in mistakes {
        let template = altered(after, from, to);
        let lines = judged(&template).expect_err(to);
        let told = lines.iter().any(|line| line.contains(sentence) && line.ends_with(&format!("({rule})")));
        assert!(told, "{from:?} -> {to:?}: {lines:#?}");
        // Every line names the file and a line of it.
        let last = template.lines().count();
        for line in &lines {
            let number =
                line.strip_prefix("template.yaml:").and_then(|rest| rest.split_once(": ")).map(|(number, _)| number);
            assert!(
                number.and_then(|number| number.parse().ok()).is_some_and(|number| (1..=last).contains(&number)),
                "{line}"
            );
        }
    }
}

#[test]
fn a_finding_gives_the_line_on_which_the_mistake_stands() {
    let template = altered("\n  Users:", "DeletionProtectionEnabled: true", "DeletionProtectionEnabled: false");
    let line = template.lines().position(|line| line.contains("DeletionProtectionEnabled: false")).unwrap() + 1;
    assert!(judged(&template).unwrap_err()[0].starts_with(&format!("template.yaml:{line}: Users: ")));
}

#[test]
fn harmless_changes_are_not_refused() {
    let changes: &[(&str, &str, &str)] = &[
        (
            "\n  Users:",
            "BillingMode: PAY_PER_REQUEST",
            "BillingMode: PROVISIONED\n      ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 }",
        ),
        ("\n  Users:", "DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Retain"),
        (
            "\n  Users:",
            "DeletionProtectionEnabled: true",
            "DeletionProtectionEnabled: !If [MakesSender, true, \"true\"]",
        ),
        ("\n  Login:\n    Type", "MemorySize: 1769", "MemorySize: 3008"),
        ("\n  Login:\n    Type", "Timeout: 15", "Timeout: 30"),
        ("\n  LoginLog:", "RetentionInDays: !Ref LogRetentionDays", "RetentionInDays: 90"),
        (
            "\n  LoginRole:\n",
            "Action: [dynamodb:GetItem, dynamodb:UpdateItem]",
            "Action: [dynamodb:GetItem, dynamodb:Query, dynamodb:UpdateItem]",
        ),
        (
            "\n  SitePolicy:",
            "!Sub \"${Site.Arn}/*.html\"",
            "!Sub \"${Site.Arn}/*.html\"\n              - !Sub \"${Site.Arn}/*.webp\"",
        ),
        ("\n  AnonymousRole:", "function:${FunctionPrefix}Login:live", "function:${FunctionPrefix}LostPassword:live"),
        ("\n  AnonymousRole:", "Effect: Deny", "Effect: \"Deny\""),
        (
            "\nResources:\n",
            "Resources:\n",
            "Resources:\n  Alarm:\n    Type: AWS::CloudWatch::Alarm\n    Properties: { MetricName: Errors, Namespace: AWS/Lambda, Threshold: 1 }\n",
        ),
        ("\nResources:\n", "Resources:\n", "Resources:\n  Alerts:\n    Type: AWS::SNS::Topic\n"),
        (
            "\nOutputs:\n",
            "Outputs:\n",
            "Outputs:\n  Table:\n    Value: !If [MakesTable, !GetAtt Users.Arn, !Ref AWS::NoValue]\n",
        ),
        ("\nParameters:\n", "Parameters:\n", "Parameters:\n  Owner: { Type: String, Default: me }\n"),
        ("Description: Latchkey", "Latchkey", "Our Latchkey"),
        (
            "\n  LoginRole:\n",
            "              - Sid: Users\n",
            "              - { Effect: Allow, Action: s3:GetObject, Resource: !Sub \"${Code.Arn}/functions/*\" }\n              - Sid: Users\n",
        ),
        (
            "\n  LoginRole:\n",
            "    Properties:\n",
            "    Properties:\n      ManagedPolicyArns: [!Sub \"arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess\"]\n",
        ),
    ];
    assert!(changes.len() >= 10);
    for (after, from, to) in changes {
        assert!(
            judged(&altered(after, from, to)).is_ok(),
            "{from:?} -> {to:?}: {:#?}",
            judged(&altered(after, from, to))
        );
    }
}

#[test]
fn the_guests_of_the_rule_are_those_of_the_contract() {
    let listed = rules::built_in().into_iter().find_map(|rule| match rule.check {
        Some(Check::Guests { functions }) => Some(functions),
        _ => None,
    });
    let contract = functions().iter().filter(|function| function.callers.contains(&Caller::Guests));
    assert_eq!(listed.unwrap(), contract.map(latchkey::Function::resource).collect::<Vec<_>>());
}

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

/// A value that is reached when the first of so many conditions are true and the last is false.
fn behind(conditions: usize, value: &str, other: &str) -> String {
    let start = format!("!If [C{conditions}, {other}, {value}]");
    (0..conditions).rev().fold(start, |inner, number| format!("!If [C{number}, {inner}, {other}]"))
}

#[test]
fn a_mistake_behind_many_conditions_is_found_where_a_rule_is_about_it_and_too_many_are_refused() {
    let judged_behind = |conditions: usize, after: &str, from: &str, key: &str, value: &str, other: &str| {
        let declare = |all: String, number| all + &format!("  C{number}: !Equals [!Ref Sender, \"{number}\"]\n");
        let declared = (0..=conditions).fold(String::new(), declare);
        let template = altered(after, from, &format!("{key}: {}", behind(conditions, value, other)));
        judged(&template.replacen("\nConditions:\n", &format!("\nConditions:\n{declared}"), 1))
    };
    let protection = |conditions, value: &str| {
        judged_behind(
            conditions,
            "\n  Users:",
            "DeletionProtectionEnabled: true",
            "DeletionProtectionEnabled",
            value,
            "true",
        )
    };
    assert!(protection(6, "true").is_ok());
    assert!(protection(6, "false").unwrap_err()[0].contains("DeletionProtectionEnabled is false"));
    assert!(protection(12, "true").unwrap_err()[0].contains("too many to try"));
    // No rule is about an alias but the one on secrets, which looks at each value by itself.
    let described = |value: &str| judged_behind(20, "\n  LoginAliaslive:", "Name: live", "Name", value, "one");
    assert!(described("two").is_ok());
    assert!(described("!Ref AuditKey").unwrap_err()[0].contains("Name shows the hidden parameter AuditKey"));
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

/// Ways to write a text that nobody may miss, and to write what nobody can know. The text has no quotes.
fn disguised(way: usize, bad: &str, good: &str) -> String {
    let (head, tail) = bad.split_at(bad.len() / 2);
    match way {
        0 => format!("\"{bad}\""),
        1 => format!("{{ \"Fn::If\": [MakesSender, \"{bad}\", \"{good}\"] }}"),
        2 => format!("!If [MakesTable, \"{good}\", !If [MakesSender, \"{good}\", \"{bad}\"]]"),
        3 => format!("!Join [\"\", [\"{head}\", \"{tail}\"]]"),
        4 => format!("!Sub [\"{head}${{Rest}}\", {{ Rest: \"{tail}\" }}]"),
        5 => format!("!Select [1, [\"{good}\", \"{bad}\"]]"),
        6 => format!("!Select [0, !Split [\"#\", \"{bad}#{good}\"]]"),
        7 => "!Ref Disguise".to_owned(),
        8 => "!FindInMap [Disguises, all, one]".to_owned(),
        9 => "!ImportValue Disguise".to_owned(),
        10 => "!Ref NobodyKnowsThis".to_owned(),
        11 => "{ \"Fn::Transform\": { Name: Disguise } }".to_owned(),
        12 => "\"{{resolve:ssm:disguise}}\"".to_owned(),
        13 => "!GetAtt Outbox.StreamArn".to_owned(),
        14 => "!Base64 Disguise".to_owned(),
        15 => format!("!!str {bad}"),
        16 => "!Ref Unseen".to_owned(),
        17 => "!FindInMap [Disguises, !Ref AWS::Region, one]".to_owned(),
        _ => format!("!Sub \"{bad}\""),
    }
}

/// Places of the template: after what, the beginning of a line, a value that must not be there, and one that may.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("\n  Users:", "DeletionProtectionEnabled: ", "false", "true"),
    ("\n  Users:", "PointInTimeRecoveryEnabled: ", "false", "true"),
    ("\n  Users:", "DeletionPolicy: ", "Delete", "Retain"),
    ("\n  IdentityPool:", "UpdateReplacePolicy: ", "Delete", "Retain"),
    ("\n  LoginRole:\n", "Action: ", "sts:*", "sts:AssumeRole"),
    ("- Sid: Users", "Action: ", "dynamodb:*", "dynamodb:GetItem"),
    ("- Sid: Users", "Resource: ", "*", "arn:aws:dynamodb:eu-west-1:123456789012:table/Users"),
    ("\n  AnonymousRole:", "Action: lambda", "dynamodb:GetItem", "lambda:InvokeFunction"),
    ("\n  Code:", "BlockPublicAcls: ", "false", "true"),
    ("\n  Code:", "RestrictPublicBuckets: ", "false", "true"),
    ("- Sid: PublicPages", "Action: ", "s3:PutObject", "s3:GetObject"),
    ("\n  LoginLog:", "RetentionInDays: ", "0", "30"),
    ("\n  Login:\n    Type", "Timeout: ", "0", "15"),
    ("\n  Login:\n    Type", "Role: ", "arn:aws:iam::123456789012:role/Shared", "arn:aws:iam::123456789012:role/Other"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a mistake is written, and wherever comments and empty lines stand, it is found.
    #[test]
    fn no_way_of_writing_a_mistake_passes(
        place in 0..PLACES.len(), way in 0..19_usize, comments in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let (after, beginning, bad, good) = PLACES[place];
        // The reference to a resource names it, which is all that a policy's Resource is asked for.
        prop_assume!(way != 13 || bad != "*");
        let template = service();
        let start = template.find(after).unwrap();
        let at = template[start..].find(beginning).unwrap() + start;
        let end = template[at..].find('\n').unwrap() + at;
        let key = beginning.split_once(": ").unwrap().0;
        let parameter = format!("Parameters:\n  Disguise: {{ Type: String, Default: \"{bad}\" }}\n  Unseen: {{ Type: String }}\n");
        let made = format!("{}{key}: {}{}", &template[..at], disguised(way, bad, good), &template[end..])
            .replacen("Parameters:\n", &parameter, 1)
            + &format!("\nMappings:\n  Disguises:\n    all: {{ one: \"{bad}\" }}\n");
        let mut lines: Vec<&str> = made.lines().collect();
        for comment in comments {
            lines.insert(comment.index(lines.len()), "# a comment");
        }
        prop_assert!(judged(&lines.join("\n")).is_err(), "{key}: {}", disguised(way, bad, good));
    }

    /// A damaged template is refused, or it is still a template without a mistake: it never ends the guard.
    #[test]
    fn a_template_that_lost_something_never_ends_the_guard(
        line in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), how in 0..5_usize, noise in "\\PC{0,12}",
    ) {
        let template = service();
        let mut lines: Vec<String> = template.lines().map(str::to_owned).collect();
        let (line, other) = (line.index(lines.len()), other.index(lines.len()));
        match how {
            0 => drop(lines.remove(line)),
            1 => lines.truncate(line),
            2 => lines.swap(line, other),
            3 => lines[line].push_str(&noise),
            _ => lines.insert(line, noise),
        }
        match judged(&lines.join("\n")) {
            Ok(summary) => prop_assert!(summary.ends_with("rules hold\n")),
            Err(findings) => prop_assert!(!findings.is_empty()),
        }
    }
}
