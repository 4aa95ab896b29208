//! Mistakes in Latchkey's own template that somebody could make, and changes that are none.

use super::{altered, judged};

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
