//! Ways around a rule: templates that a plausible or malicious author could write, each of which must be refused, and beside many of
//! them the honest form, which must not.

use latchkey_guard::template::Given;
use latchkey_guard::{Date, Judgement, Law, Values, document, judge, rules, template};

/// What the rules say of resources. The parameter `Kept` keeps a value that nobody here sees, and `Hidden` is not shown.
fn judged(resources: &str) -> Judgement {
    const PARAMETERS: &str = "Parameters:\n  Kept: { Type: String }\n  Hidden: { Type: String, NoEcho: true }\n";
    let values =
        Values::from([("Kept".to_owned(), Given::Previous), ("Hidden".to_owned(), Given::Value("x".to_owned()))]);
    let rules = rules::built_in();
    let law = Law { rules: &rules, exceptions: &[], today: Date::at(0) };
    let text = format!("{PARAMETERS}{resources}");
    judge::template(law, &template::read(&document::parse(&text).expect("a document"), &values, &rules))
}

/// All of these are refused by the rule, with these words.
fn refused(rule: &str, cases: &[(&str, &str)]) {
    let missed = cases.iter().filter_map(|(resources, words)| {
        let findings = judged(resources).findings;
        let told = findings.iter().any(|finding| finding.rule == rule && finding.to_string().contains(words));
        (!told).then(|| format!("{resources}\n{findings:#?}"))
    });
    let missed: Vec<_> = missed.collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn passes(cases: &[String]) {
    for resources in cases {
        assert_eq!(judged(resources).findings, [], "{resources}");
    }
}

/// A role of a function with these lines more.
fn role(more: &str) -> String {
    format!(
        "Resources:\n  Work:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Statement: \
        {{ Effect: Allow, Principal: {{ Service: lambda.amazonaws.com }}, Action: sts:AssumeRole }}\n{more}"
    )
}

/// A policy of a role with one statement.
fn policy(statement: &str) -> String {
    role(&format!("      Policies: [{{ PolicyName: work, PolicyDocument: {{ Statement: {statement} }} }}]\n"))
}

const ECHO: &str = "  Echo:\n    Type: AWS::SSM::Parameter\n    Properties: { Type: String, Value: \"*\" }\n";

#[test]
fn what_only_repeats_what_the_template_says_names_nothing() {
    let allowed = policy("{ Effect: Allow, Action: s3:GetObject, Resource: !GetAtt Echo.Value }") + ECHO;
    let by_name = policy("{ Effect: Allow, Action: s3:GetObject, Resource: !Sub \"${Echo.Value}\" }") + ECHO;
    let attached = role("      ManagedPolicyArns: [!GetAtt Echo.Value]\n") + ECHO;
    let no_policy = role("      ManagedPolicyArns: [!Ref Log]\n")
        + "  Log:\n    Type: AWS::Logs::LogGroup\n    Properties: { RetentionInDays: 1 }\n";
    refused(
        "policies-name-what-they-allow",
        &[
            (&allowed, "is a wildcard for everything of its kind"),
            (&by_name, "is a wildcard for everything of its kind"),
            (&attached, "is not among those that may be attached"),
            (&no_policy, "is not among those that may be attached"),
        ],
    );
    let own = role("      ManagedPolicyArns: [!Ref Own]\n")
        + "  Own:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement: \
           { Effect: Allow, Action: s3:GetObject, Resource: \"arn:aws:s3:::code/*\" }\n";
    let parameter = policy(
        "{ Effect: Allow, Action: ssm:GetParameter, Resource: !Sub \"arn:aws:ssm:eu-west-1:123456789012:parameter/${Echo}\" }",
    ) + ECHO;
    passes(&[own, parameter]);
}

#[test]
fn a_managed_policy_is_known_by_its_whole_arn() {
    let attached = |arn: &str| role(&format!("      ManagedPolicyArns: [{arn}]\n"));
    let lookalike = "arn:aws:iam::123456789012:policy/x:aws:policy/service-role/AWSLambdaBasicExecutionRole";
    let joined = "!Join [\"/\", [\"arn:aws:iam::aws:policy\", AdministratorAccess]]";
    let built = "!Sub [\"arn:${AWS::Partition}:iam::aws:policy/${Name}\", { Name: PowerUserAccess }]";
    let mistakes = [lookalike, joined, built].map(attached);
    let mistakes = mistakes.each_ref().map(|one| (one.as_str(), "is not among those that may be attached"));
    refused("policies-name-what-they-allow", &mistakes);
    let basic = "!Sub \"arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole\"";
    passes(&[attached(basic), attached("arn:aws-cn:iam::aws:policy/AWSXRayDaemonWriteAccess")]);
}

#[test]
fn a_wildcard_in_the_kind_of_a_resource_names_nothing() {
    let on = |arn: &str| policy(&format!("{{ Effect: Allow, Action: dynamodb:GetItem, Resource: \"{arn}\" }}"));
    let mistakes = [
        on("arn:aws:dynamodb:eu-west-1:123456789012:t*"),
        on("arn:aws:dynamodb:eu-west-1:123456789012:*/Users"),
        on("arn:aws:dynamodb:eu-west-1:123456789012:tabl?/*"),
        on("arn:aws:apigateway:eu-west-1::/restapis/*"),
    ];
    let mistakes = mistakes.each_ref().map(|one| (one.as_str(), "is a wildcard for everything of its kind"));
    refused("policies-name-what-they-allow", &mistakes);
    passes(&[
        on("arn:aws:sqs:eu-west-1:123456789012:mine-*"),
        on("arn:aws:s3:::code/*"),
        on("arn:aws:dynamodb:eu-west-1:123456789012:table/Users/index/*"),
    ]);
}

#[test]
fn policies_of_other_kinds_are_judged_as_those_of_roles_are() {
    let set =
        |line: &str| format!("Resources:\n  Set:\n    Type: AWS::SSO::PermissionSet\n    Properties:\n      {line}\n");
    let inline = set("InlinePolicy: { Statement: { Effect: Allow, Action: \"*\", Resource: \"*\" } }");
    let text = set("InlinePolicy: '{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}}'");
    let managed = set("ManagedPolicies: [\"arn:aws:iam::aws:policy/AdministratorAccess\"]");
    let things = "Resources:\n  Things:\n    Type: AWS::IoT::Policy\n    Properties:\n      PolicyDocument: \
        { Statement: { Effect: Allow, Action: \"iot:*\", Resource: \"*\" } }\n";
    refused(
        "policies-name-what-they-allow",
        &[
            (&inline, "the action * is a wildcard"),
            (&text, "this is no policy document that can be read"),
            (&managed, "AdministratorAccess is not among those"),
            (things, "the action iot:* is a wildcard"),
        ],
    );
}

#[test]
fn a_second_list_or_effect_in_another_spelling_is_refused() {
    let good = "{ Effect: Allow, Action: s3:GetObject, Resource: \"arn:aws:s3:::code/*\" }";
    let bad = "{ Effect: Allow, Action: \"*\", Resource: \"*\" }";
    let document = format!("{{ Statement: {good}, statement: {bad} }}");
    let lists = role(&format!("      Policies: [{{ PolicyName: work, PolicyDocument: {document} }}]\n"));
    let effects = policy("{ Effect: Deny, effect: Allow, Action: \"*\", Resource: \"*\" }");
    refused(
        "policies-name-what-they-allow",
        &[(&lists, "no policy document that can be read"), (&effects, "a statement has no element effect")],
    );
}

#[test]
fn whoever_may_be_anybody_is_everybody() {
    let trusted = |principal: &str| {
        format!(
            "Resources:\n  Work:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Statement:\n          \
            {{ Effect: Allow, Principal: {{ AWS: {principal} }}, Action: sts:AssumeRole }}\n{ECHO}"
        )
    };
    let unknown = [
        "!Ref Hidden",
        "!Ref Kept",
        "!GetAtt Echo.Value",
        "\"{{resolve:secretsmanager:who}}\"",
        "!Select [0, !GetAZs \"\"]",
    ];
    let unknown = unknown.map(trusted);
    refused(
        "roles-say-who-may-take-them",
        &unknown.each_ref().map(|one| (one.as_str(), "everybody may take the role")),
    );
    let account = trusted("\"arn:aws:iam::999999999999:root\"");
    let number = trusted("[\"999999999999\"]");
    refused(
        "roles-say-who-may-take-them",
        &[(&account, "everybody in arn:aws:iam::999999999999:root"), (&number, "everybody in 999999999999")],
    );
    passes(&[
        trusted("!Sub \"arn:aws:iam::${AWS::AccountId}:root\""),
        trusted("\"arn:aws:iam::999999999999:role/one\""),
        trusted("\"999999999999\"").replace(
            "Action: sts:AssumeRole",
            "Action: sts:AssumeRole, Condition: { StringEquals: { \"sts:ExternalId\": \"0123456789abcdef\" } }",
        ),
    ]);
}

/// A resource with a policy.
fn with_policy(kind: &str, properties: &str) -> String {
    format!("Resources:\n  It:\n    Type: {kind}\n    Properties: {{ {properties} }}\n")
}

/// A queue's policy with one statement.
fn queue(statement: &str) -> String {
    with_policy(
        "AWS::SQS::QueuePolicy",
        &format!(
            "Queues: [queue], PolicyDocument: {{ Statement: {{ Effect: Allow, Action: sqs:SendMessage, {statement} }} }}"
        ),
    )
}

#[test]
fn everybodys_access_needs_a_condition_that_names_somebody() {
    let under = |condition: &str| queue(&format!("Principal: \"*\", Condition: {{ {condition} }}"));
    let open = [
        under("Bool: { \"aws:SecureTransport\": \"true\" }"),
        under("StringNotEquals: { \"aws:SourceAccount\": \"1\" }"),
        under("ArnLike: { \"aws:SourceArn\": \"*\" }"),
        under("ArnLike: { \"aws:SourceArn\": \"arn:aws:sns:*:*:alerts\" }"),
        under("StringEqualsIfExists: { \"aws:SourceAccount\": !Ref AWS::AccountId }"),
        under("StringEquals: { \"aws:SourceAccount\": !Ref Kept }"),
        queue("Principal: { AWS: !Ref Hidden }"),
    ];
    refused(
        "nothing-is-open-to-everybody",
        &open.each_ref().map(|one| (one.as_str(), "everybody has access, and no condition names")),
    );
    passes(&[
        under("StringEquals: { \"AWS:SourceAccount\": !Ref AWS::AccountId }"),
        under("ArnLike: { \"aws:SourceArn\": !Sub \"arn:aws:sns:*:${AWS::AccountId}:*\" }"),
        under("ArnEquals: { \"aws:SourceArn\": \"arn:aws:s3:::pages\" }"),
        queue("Principal: { AWS: \"arn:aws:iam::123456789012:role/one\" }"),
    ]);
}

#[test]
fn a_service_has_access_on_behalf_of_somebody() {
    let by = |condition: &str| queue(&format!("Principal: {{ Service: sns.amazonaws.com }}{condition}"));
    let of_anybody = by("");
    let permission = with_policy(
        "AWS::Lambda::Permission",
        "Action: lambda:InvokeFunction, FunctionName: f, Principal: sns.amazonaws.com, SourceArn: \"arn:aws:sns:*:*:*\"",
    );
    let hidden = with_policy(
        "AWS::Lambda::Permission",
        "Action: lambda:InvokeFunction, FunctionName: f, Principal: !Ref Hidden",
    );
    refused(
        "nothing-is-open-to-everybody",
        &[
            (&of_anybody, "sns.amazonaws.com has access on behalf of any account"),
            (&permission, "on behalf of any account: it has no SourceArn"),
            (&hidden, "everybody may invoke the function"),
        ],
    );
    passes(&[by(", Condition: { ArnEquals: { \"aws:SourceArn\": \"arn:aws:sns:eu-west-1:123456789012:alerts\" } }")]);
}

#[test]
fn no_other_resource_with_a_policy_is_open() {
    const OPEN: &str = "{ Statement: { Effect: Allow, Principal: \"*\", Action: \"x:Y\", Resource: \"*\" } }";
    let kept =
        "DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }";
    let open = [
        with_policy("AWS::DynamoDB::Table", &format!("{kept}, ResourcePolicy: {{ PolicyDocument: {OPEN} }}")),
        with_policy(
            "AWS::DynamoDB::Table",
            &format!("{kept}, StreamSpecification: {{ ResourcePolicy: {{ PolicyDocument: {OPEN} }} }}"),
        ),
        with_policy(
            "AWS::DynamoDB::GlobalTable",
            &format!("Replicas: [{{ {kept}, ResourcePolicy: {{ PolicyDocument: {OPEN} }} }}]"),
        ),
        with_policy("AWS::SNS::TopicInlinePolicy", &format!("TopicArn: t, PolicyDocument: {OPEN}")),
        with_policy("AWS::SQS::QueueInlinePolicy", &format!("Queue: q, PolicyDocument: {OPEN}")),
        with_policy("AWS::KMS::ReplicaKey", &format!("PrimaryKeyArn: k, KeyPolicy: {OPEN}")),
        with_policy("AWS::ECR::Repository", &format!("RepositoryPolicyText: {OPEN}")),
        with_policy("AWS::S3::AccessPoint", &format!("Bucket: b, Policy: {OPEN}")),
        with_policy("AWS::Kinesis::ResourcePolicy", &format!("ResourceArn: a, ResourcePolicy: {OPEN}")),
        with_policy(
            "AWS::Events::EventBusPolicy",
            "StatementId: s, Statement: { Effect: Allow, Principal: \"*\", Action: events:PutEvents, Resource: \"*\" }",
        ),
        with_policy(
            "AWS::Logs::ResourcePolicy",
            "PolicyName: p, PolicyDocument: '{\"Statement\": [{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"logs:PutLogEvents\", \"Resource\": \"*\"}]}'",
        ),
    ];
    refused("nothing-is-open-to-everybody", &open.each_ref().map(|one| (one.as_str(), "everybody has access")));
    let bus = with_policy("AWS::Events::EventBusPolicy", "StatementId: s, Principal: \"*\", Action: events:PutEvents");
    let layer = with_policy(
        "AWS::Lambda::LayerVersionPermission",
        "Action: lambda:GetLayerVersion, LayerVersionArn: l, Principal: \"*\"",
    );
    let cut = with_policy("AWS::Logs::ResourcePolicy", "PolicyName: p, PolicyDocument: '{\"Statement\": ['");
    refused(
        "nothing-is-open-to-everybody",
        &[
            (&bus, "everybody may put events"),
            (&layer, "everybody may invoke"),
            (&cut, "no policy document that can be read"),
        ],
    );
    passes(&[
        with_policy(
            "AWS::Events::EventBusPolicy",
            "StatementId: s, Principal: \"*\", Action: events:PutEvents, Condition: { Key: aws:PrincipalOrgID, Type: StringEquals, Value: o-1234567890 }",
        ),
        with_policy(
            "AWS::Lambda::LayerVersionPermission",
            "Action: lambda:GetLayerVersion, LayerVersionArn: l, Principal: \"*\", OrganizationId: o-1234567890",
        ),
        with_policy(
            "AWS::Logs::ResourcePolicy",
            "PolicyName: p, PolicyDocument: !Sub '{\"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"es.amazonaws.com\"}, \"Action\": \"logs:PutLogEvents\", \"Resource\": \"*\", \"Condition\": {\"StringEquals\": {\"aws:SourceAccount\": \"${AWS::AccountId}\"}}}]}'",
        ),
    ]);
}

#[test]
fn an_api_asks_who_calls() {
    let open = [
        with_policy("AWS::ApiGatewayV2::Route", "ApiId: a, RouteKey: POST /login"),
        with_policy("AWS::ApiGatewayV2::Route", "ApiId: a, RouteKey: $default, AuthorizationType: NONE"),
        with_policy("AWS::ApiGatewayV2::Route", "ApiId: a, RouteKey: POST /login, AuthorizationType: !Ref Kept"),
        with_policy("AWS::ApiGatewayV2::Api", "Name: a, ProtocolType: HTTP, Target: function"),
        with_policy("AWS::ApiGateway::Method", "HttpMethod: POST, AuthorizationType: NONE, ApiKeyRequired: true"),
    ];
    refused("nothing-is-open-to-everybody", &open.each_ref().map(|one| (one.as_str(), "anybody may call")));
    passes(&[
        with_policy("AWS::ApiGatewayV2::Route", "ApiId: a, RouteKey: POST /orders, AuthorizationType: JWT"),
        with_policy("AWS::ApiGatewayV2::Route", "ApiId: a, RouteKey: OPTIONS /orders"),
        with_policy("AWS::ApiGatewayV2::Api", "Name: a, ProtocolType: HTTP"),
        with_policy("AWS::ApiGateway::Method", "HttpMethod: GET, AuthorizationType: AWS_IAM"),
    ]);
}

/// A role that guests get, and what stands beside it.
fn guests(beside: &str) -> String {
    format!(
        "Resources:\n  Guest:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Statement:\n          \
        Effect: Allow\n          Principal: {{ Federated: cognito-identity.amazonaws.com }}\n          Action: sts:AssumeRoleWithWebIdentity\n          \
        Condition: {{ StringEquals: {{ \"cognito-identity.amazonaws.com:aud\": pool }} }}\n{beside}"
    )
}

#[test]
fn guests_get_nothing_by_the_name_of_their_role_and_no_role_from_elsewhere() {
    let by_name = guests(
        "  More:\n    Type: AWS::IAM::Policy\n    Properties:\n      PolicyName: more\n      Roles: [sampleAuth-Guest-1A2B3C]\n      PolicyDocument:\n        \
        Statement: { Effect: Allow, Action: s3:GetObject, Resource: \"arn:aws:s3:::code/*\" }\n",
    );
    let attached = |role: &str| {
        guests(&format!(
            "  Roles:\n    Type: AWS::Cognito::IdentityPoolRoleAttachment\n    Properties:\n      IdentityPoolId: pool\n      Roles: {{ unauthenticated: {role} }}\n"
        ))
    };
    let admin = attached("\"arn:aws:iam::123456789012:role/Admin\"");
    refused(
        "guests-call-the-contract-only",
        &[
            (&by_name, "guests may do s3:GetObject"),
            (&admin, "guests get the role arn:aws:iam::123456789012:role/Admin"),
        ],
    );
    passes(&[attached("!GetAtt Guest.Arn")]);
}

#[test]
fn a_macro_anywhere_and_a_template_from_elsewhere_are_refused() {
    let log = "Resources:\n  Log:\n    Type: AWS::Logs::LogGroup\n    Properties: { RetentionInDays: !FindInMap [Days, all, days] }\n";
    let include = "Fn::Transform: { Name: AWS::Include, Parameters: { Location: s3://x/y } }";
    let mapping = format!("Mappings:\n  Days:\n    all:\n      days: 30\n      {include}\n{log}");
    let policy =
        format!("Mappings: {{ Days: {{ all: {{ days: 30 }} }} }}\n{log}    CreationPolicy:\n      {include}\n");
    refused("everything-is-resolved", &[(&mapping, "a macro (Fn::Transform)"), (&policy, "a macro (Fn::Transform)")]);
    let set = with_policy("AWS::CloudFormation::StackSet", "TemplateURL: \"https://example.com/t.yaml\"");
    let product = with_policy("AWS::ServiceCatalog::CloudFormationProvisionedProduct", "ProductName: p");
    refused("every-effect-can-be-judged", &[(&set, "another template"), (&product, "another template")]);
    let hook = with_policy("AWS::CloudFormation::HookTypeConfig", "Configuration: \"{}\"");
    refused("every-effect-can-be-judged", &[(&hook, "can turn it off")]);
    let loops =
        "Resources:\n  Fn::ForEach::Logs:\n    - Name\n    - [A, B]\n    - ${Name}Log: { Type: AWS::Logs::LogGroup }\n";
    refused("everything-is-resolved", &[(loops, "is a function that cannot be resolved")]);
}

/// A function with these properties more, its role and its log group.
fn function(more: &str, log: &str) -> String {
    role("")
        + &format!(
            "  Run:\n    Type: AWS::Lambda::Function\n    Properties:\n      Timeout: 9\n      Role: !GetAtt Work.Arn\n      \
        LoggingConfig: {{ LogGroup: {log} }}\n{more}  Log:\n    Type: AWS::Logs::LogGroup\n    Properties: {{ LogGroupName: /own/run, RetentionInDays: 30 }}\n"
        )
}

#[test]
fn a_function_writes_to_a_log_group_of_the_template() {
    let elsewhere = function("", "/aws/lambda/run");
    refused("functions-have-limits", &[(&elsewhere, "/aws/lambda/run is no log group of this template")]);
    passes(&[function("", "!Ref Log"), function("", "/own/run")]);
}

#[test]
fn a_secret_under_any_name_of_one_is_found() {
    let variable =
        |value: &str| function(&format!("      Environment: {{ Variables: {{ API_TOKEN: {value} }} }}\n"), "!Ref Log");
    let half = variable("!Sub \"hunter2-${Log}\"");
    let database = with_policy("AWS::RDS::DBInstance", "MasterUserPassword: hunter2");
    let user = with_policy("AWS::IAM::User", "LoginProfile: { Password: hunter2 }");
    let store = with_policy("AWS::SSM::Parameter", "Name: /app/dbPassword, Type: String, Value: hunter2");
    let key = "Resources:\n  Robot:\n    Type: AWS::IAM::AccessKey\n    Properties: { UserName: robot }\nOutputs:\n  Robot:\n    Value: !GetAtt Robot.SecretAccessKey\n";
    let declared = judged(
        "  DbPassphrase: { Type: String, Default: hunter2 }\nResources:\n  Log:\n    Type: AWS::Logs::LogGroup\n    Properties: { RetentionInDays: 1 }\n",
    );
    assert!(declared.findings.iter().any(|finding| finding.found.contains("has the name of a secret")), "{declared:?}");
    refused(
        "secrets-are-hidden",
        &[
            (&half, "the variable API_TOKEN has the name of a secret"),
            (&database, "MasterUserPassword stands in the template"),
            (&user, "Password stands in the template"),
            (&store, "has the name of a secret, and is not encrypted"),
            (key, "an output shows the secret key of Robot"),
        ],
    );
    passes(&[
        variable("!Ref Hidden"),
        variable("!Sub \"Bearer ${Hidden}\""),
        variable("\"{{resolve:secretsmanager:api}}\""),
        variable("arn:aws:secretsmanager:eu-west-1:123456789012:secret:api-AbCdEf"),
        variable("\"\""),
        with_policy("AWS::RDS::DBInstance", "ManageMasterUserPassword: true"),
        with_policy("AWS::RDS::DBInstance", "MasterUserPassword: \"{{resolve:secretsmanager:db}}\""),
    ]);
}

#[test]
fn a_parameter_that_holds_the_name_of_a_secret_is_no_secret() {
    let declared = |parameter: &str| {
        judged(&format!(
            "  {parameter}\nResources:\n  Log:\n    Type: AWS::Logs::LogGroup\n    Properties: {{ RetentionInDays: 1 }}\n"
        ))
    };
    for named in [
        "CodeKey: { Type: String, Default: code.zip }",
        "ServiceToken: { Type: String, Default: \"\", AllowedPattern: \"^(arn:[a-z-]+:lambda:.+)?$\" }",
        "ApiSecret: { Type: String, Default: \"arn:aws:x\", AllowedPattern: \"^arn:.+$\" }",
    ] {
        assert_eq!(declared(named).findings, [], "{named}");
    }
    for secret in [
        "ServiceKey: { Type: String, Default: x }",
        "ApiSecret: { Type: String, Default: x, AllowedPattern: \"^(arn:.*|.*)$\" }",
        "ApiSecret: { Type: String, Default: x, AllowedPattern: \"^arn:.*|.*$\" }",
        "ApiSecret: { Type: String, Default: x, AllowedPattern: \".*\" }",
    ] {
        assert_eq!(declared(secret).findings.len(), 1, "{secret}");
    }
}
