//! What IAM lets guests and users do: their operations, and nothing else.

use crate::account::{Account, address, text};
use crate::scripts::run;
use crate::service::{Caller, Service, code};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whether a code says that IAM refused: the services spell it in two ways.
fn denied(code: &str) -> bool {
    matches!(code, "AccessDenied" | "AccessDeniedException")
}

async fn assert_reaches_no_table_and_no_mail(service: &Service, caller: &Caller, email: &str) {
    let key = || AttributeValue::S(email.to_owned());
    let table = &caller.table;
    let refused = [
        code(&caller.dynamodb.get_item().table_name(table).key("email", key()).send().await.unwrap_err()),
        code(&caller.dynamodb.put_item().table_name(table).item("email", key()).send().await.unwrap_err()),
        code(&caller.dynamodb.delete_item().table_name(table).key("email", key()).send().await.unwrap_err()),
        code(&caller.dynamodb.scan().table_name(table).send().await.unwrap_err()),
        code(&caller.ses.list_identities().send().await.unwrap_err()),
        code(&send_mail(service, caller).await.unwrap_err()),
        code(&caller.lambda.list_functions().send().await.unwrap_err()),
    ];
    assert!(refused.iter().all(|code| denied(code)), "{refused:?}");
}

async fn send_mail(
    service: &Service,
    caller: &Caller,
) -> Result<
    aws_sdk_ses::operation::send_email::SendEmailOutput,
    aws_sdk_ses::error::SdkError<aws_sdk_ses::operation::send_email::SendEmailError>,
> {
    let content = || Content::builder().data("text").build().unwrap();
    caller
        .ses
        .send_email()
        .source(sender(service))
        .destination(Destination::builder().to_addresses("somebody@example.com").build())
        .message(Message::builder().subject(content()).body(Body::builder().text(content()).build()).build())
        .send()
        .await
}

/// The address that the service sends from, which its owner may use.
fn sender(service: &Service) -> String {
    let config = std::fs::read_to_string(service.folder.join("config.json")).unwrap();
    text(&serde_json::from_str(&config).unwrap(), "EMAIL_SOURCE").to_owned()
}

#[tokio::test]
async fn a_guest_may_not_change_a_password_nor_call_another_function() {
    let service = Service::running();
    let guest = service.guest().await;
    for qualifier in [None, Some("live"), Some("1"), Some("$LATEST")] {
        let refused = guest.invoke("changePassword", qualifier, "{}".to_owned()).await;
        assert!(denied(&refused.err().unwrap()), "{qualifier:?}");
    }
    let other = guest.lambda.invoke().function_name("anotherFunctionOfTheOwner").send().await;
    assert!(denied(&code(&other.unwrap_err())));
}

#[tokio::test]
async fn neither_a_guest_nor_a_user_reaches_the_table_or_the_mail() {
    let service = Service::running();
    let ann = Account::verified(&service, "ann").await;
    assert_reaches_no_table_and_no_mail(&service, &ann.guest, &ann.email).await;
    assert_reaches_no_table_and_no_mail(&service, &ann.authenticated(&service).await, &ann.email).await;
    // The same calls by the owner pass, so that it is the permission that is missing and not something else.
    let owner = service.owner();
    owner.dynamodb.scan().table_name(&owner.table).limit(1).send().await.unwrap();
    send_mail(&service, &owner).await.unwrap();
}

#[tokio::test]
async fn a_user_calls_everything_that_a_guest_may_and_changes_passwords() {
    let service = Service::running();
    let ben = Account::verified(&service, "ben").await;
    let user = ben.authenticated(&service).await;
    for operation in ["createUser", "verifyUser", "login", "lostPassword", "resetPassword", "changePassword"] {
        for qualifier in [None, Some("live")] {
            let answer = user.invoke(operation, qualifier, "{}".to_owned()).await.unwrap();
            assert_eq!(answer.payload["reason"], "invalid_request", "{operation} {qualifier:?}");
        }
    }
}

/// The roles of the stack, by their names in the template, as IAM has them.
async fn roles(service: &Service) -> HashMap<String, Value> {
    let stack = service.setting("FUNCTION_PREFIX");
    let list = ["cloudformation", "list-stack-resources", "--stack-name", stack, "--output", "json"];
    let resources: Value = serde_json::from_str(&run(service, "aws", &list).await.unwrap()).unwrap();
    let list = ["iam", "get-account-authorization-details", "--filter", "Role", "--output", "json"];
    let all: Value = serde_json::from_str(&run(service, "aws", &list).await.unwrap()).unwrap();
    let resources = resources["StackResourceSummaries"].as_array().unwrap();
    let roles = resources.iter().filter(|resource| resource["ResourceType"] == "AWS::IAM::Role");
    roles
        .map(|resource| {
            let name = &resource["PhysicalResourceId"];
            let role = all["RoleDetailList"].as_array().unwrap().iter().find(|role| role["RoleName"] == *name);
            (text(resource, "LogicalResourceId").to_owned(), role.unwrap().clone())
        })
        .collect()
}

/// That a role has one policy, with these statements, and nothing else.
#[track_caller]
fn assert_allows(role: &Value, statements: &[Value]) {
    assert_eq!(role["AttachedManagedPolicies"], json!([]), "{}", role["RoleName"]);
    let policies = role["RolePolicyList"].as_array().unwrap();
    assert_eq!(policies.len(), 1, "{}", role["RoleName"]);
    assert_eq!(policies[0]["PolicyDocument"]["Statement"], json!(statements), "{}", role["RoleName"]);
}

#[tokio::test]
async fn each_function_may_do_only_what_it_does_on_this_table_this_sender_and_its_own_log_group() {
    let service = Service::running();
    let roles = roles(&service).await;
    let (region, prefix) = (service.setting("AWS_REGION"), service.setting("FUNCTION_PREFIX"));
    let arn = |of: &str, what: &str| format!("arn:aws:{of}:{region}:{}:{what}", service.setting("AWS_ACCOUNT_ID"));
    let (sender, table) = (sender(&service), service.setting("DDB_TABLE"));
    let outbox = service.owner().dynamodb.describe_table().table_name(service.outbox()).send().await.unwrap();
    let stream = outbox.table.unwrap().latest_stream_arn.unwrap();
    let (get, put, update) = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem");
    for (function, users, outbox) in [
        ("CreateUser", vec![update], vec![get, put, update]),
        ("VerifyUser", vec![get, update], vec![]),
        ("Login", vec![get, update], vec![put]),
        ("ChangePassword", vec![get, update], vec![get, put, update]),
        ("LostPassword", vec![update], vec![get, put, update]),
        ("ResetPassword", vec![get, update], vec![put, update]),
        ("Mail", vec![], vec![get, update, "dynamodb:DeleteItem"]),
    ] {
        let mut statements = vec![json!({
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": arn("logs", &format!("log-group:/aws/lambda/{prefix}{function}:*")),
        })];
        for (sid, actions, table) in [("Users", users, table.to_owned()), ("Outbox", outbox, service.outbox())] {
            if !actions.is_empty() {
                let table = arn("dynamodb", &format!("table/{table}"));
                statements.push(json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": table }));
            }
        }
        if function == "Mail" {
            let read = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
            let list = ["dynamodb:ListStreams"];
            statements.push(json!({ "Sid": "OutboxStream", "Effect": "Allow", "Action": read, "Resource": stream }));
            statements.push(json!({ "Sid": "OutboxStreams", "Effect": "Allow", "Action": list, "Resource": "*" }));
            // SES asks for recipients' identities and for configuration sets too; the sender is the condition's business.
            let identities = ["identity/*", "configuration-set/*"].map(|resource| arn("ses", resource));
            statements.push(json!({
                "Sid": "Mail",
                "Effect": "Allow",
                "Action": ["ses:SendEmail"],
                "Resource": identities,
                "Condition": { "StringEquals": { "ses:FromAddress": sender } },
            }));
        }
        if function == "Login" {
            let pool = service.setting("IDENTITY_POOL_ID");
            statements.push(json!({
                "Sid": "Identities",
                "Effect": "Allow",
                "Action": ["cognito-identity:GetOpenIdTokenForDeveloperIdentity"],
                "Resource": arn("cognito-identity", &format!("identitypool/{pool}")),
            }));
        }
        let role = &roles[&format!("{function}Role")];
        assert_allows(role, &statements);
        let trusted = json!({ "Service": "lambda.amazonaws.com" });
        let trust = &role["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!((&trust[0]["Principal"], trust.as_array().unwrap().len()), (&trusted, 1), "{function}");
    }
    let versions = FUNCTIONS.map(|function| arn("lambda", &format!("function:{prefix}{function}:*")));
    let log = arn("logs", &format!("log-group:/aws/lambda/{prefix}Trigger:*"));
    assert_allows(
        &roles["TriggerRole"],
        &[
            json!({ "Sid": "Log", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": log }),
            json!({ "Sid": "Versions", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": versions }),
        ],
    );
    assert_eq!(roles.len(), 10, "no role without a test");
}

/// All functions.
const FUNCTIONS: [&str; 7] =
    ["CreateUser", "VerifyUser", "Login", "ChangePassword", "LostPassword", "ResetPassword", "Mail"];

#[tokio::test]
async fn guests_and_users_may_call_these_functions_and_nothing_else() {
    let service = Service::running();
    let roles = roles(&service).await;
    let prefix = service.setting("FUNCTION_PREFIX");
    let (region, account) = (service.setting("AWS_REGION"), service.setting("AWS_ACCOUNT_ID"));
    let arn = |function: &str| format!("arn:aws:lambda:{region}:{account}:function:{prefix}{function}");
    let call = |function: &str| {
        let resources = [arn(function), arn(&format!("{function}:live"))];
        json!({ "Sid": function, "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": resources })
    };
    let each = |functions: Vec<&str>| -> Vec<String> {
        functions.iter().flat_map(|function| [arn(function), arn(&format!("{function}:*"))]).collect()
    };
    let statements = |own: &[&str]| {
        let all = FUNCTIONS.into_iter().chain(["Trigger", "Notifier"]);
        let others = each(all.filter(|function| !own.contains(function)).collect());
        let versions = ["$LATEST", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"];
        let versions = versions.map(|version| arn(&format!("*:{version}")));
        let invoke = "lambda:InvokeFunction";
        let mut statements: Vec<_> = own.iter().map(|function| call(function)).collect();
        statements.extend([
            json!({ "Sid": "NotTheirs", "Effect": "Deny", "Action": "lambda:*", "Resource": others }),
            json!({ "Sid": "OnlyCalls", "Effect": "Deny", "NotAction": invoke, "Resource": each(own.to_vec()) }),
            json!({ "Sid": "OnlyLive", "Effect": "Deny", "Action": invoke, "Resource": versions }),
        ]);
        statements
    };
    let guest = ["CreateUser", "VerifyUser", "Login", "LostPassword", "ResetPassword"];
    let user = ["CreateUser", "VerifyUser", "Login", "ChangePassword", "LostPassword", "ResetPassword"];
    assert_allows(&roles["AnonymousRole"], &statements(&guest));
    assert_allows(&roles["AuthenticatedRole"], &statements(&user));
}

/// A caller with a role of the pool, to which its owner has attached a policy that allows everything.
async fn with_everything_allowed(service: &Service, role: &str) -> Caller {
    let name = address(&format!("broad-{role}")).split('@').next().unwrap().to_owned();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{}:root", service.setting("AWS_ACCOUNT_ID")) },
        "Action": "sts:AssumeRole",
    }]});
    let create = ["iam", "create-role", "--role-name", &name, "--assume-role-policy-document", &trust.to_string()];
    let role_of_everything: Value = serde_json::from_str(&run(service, "aws", &create).await.unwrap()).unwrap();
    let allowed =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let mut policies = vec![("everything".to_owned(), allowed)];
    for policy in roles(service).await[role]["RolePolicyList"].as_array().unwrap() {
        policies.push((text(policy, "PolicyName").to_owned(), policy["PolicyDocument"].clone()));
    }
    for (policy, document) in policies {
        let put = ["iam", "put-role-policy", "--role-name", &name, "--policy-name", &policy, "--policy-document"];
        run(service, "aws", &[&put[..], &[&document.to_string()]].concat()).await.unwrap();
    }
    let arn = text(&role_of_everything["Role"], "Arn");
    let assume = ["sts", "assume-role", "--role-arn", arn, "--role-session-name", "test", "--output", "json"];
    let assumed: Value = serde_json::from_str(&run(service, "aws", &assume).await.unwrap()).unwrap();
    let credentials = &assumed["Credentials"];
    let part = |key: &str| text(credentials, key).to_owned();
    service.with_credentials(part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"))
}

#[tokio::test]
async fn a_broad_policy_of_the_owner_opens_no_function_that_is_not_the_callers_business() {
    let service = Service::running();
    for (role, is_user) in [("AnonymousRole", false), ("AuthenticatedRole", true)] {
        let caller = with_everything_allowed(&service, role).await;
        // The policy is in force.
        caller.dynamodb.scan().table_name(&caller.table).limit(1).send().await.unwrap();
        caller.lambda.list_functions().send().await.unwrap();
        for function in FUNCTIONS.into_iter().chain(["Trigger"]) {
            let operation = format!("{}{}", function[..1].to_lowercase(), &function[1..]);
            let own = !["Mail", "Trigger"].contains(&function) && (is_user || function != "ChangePassword");
            for qualifier in [None, Some("live"), Some("$LATEST"), Some("1")] {
                let answer = caller.invoke(&operation, qualifier, "{}".to_owned()).await;
                let may = own && matches!(qualifier, None | Some("live"));
                match answer {
                    Ok(answer) => assert!(
                        may && answer.payload["reason"] == "invalid_request",
                        "{role} {operation} {qualifier:?}"
                    ),
                    Err(code) => assert!(!may && denied(&code), "{role} {operation} {qualifier:?}: {code}"),
                }
            }
            // The settings hold the keys.
            let name = format!("{}{function}", service.setting("FUNCTION_PREFIX"));
            let refused = [
                code(&caller.lambda.get_function_configuration().function_name(&name).send().await.unwrap_err()),
                code(&caller.lambda.get_function().function_name(&name).qualifier("live").send().await.unwrap_err()),
                code(&caller.lambda.delete_alias().function_name(&name).name("live").send().await.unwrap_err()),
            ];
            assert!(refused.iter().all(|code| denied(code)), "{role} {function}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_neither_repeated_nor_kept_for_long() {
    let service = Service::running();
    for function in FUNCTIONS {
        let name = format!("{}{function}", service.setting("FUNCTION_PREFIX"));
        for qualifier in ["live", "$LATEST"] {
            let get =
                ["lambda", "get-function-event-invoke-config", "--function-name", &name, "--qualifier", qualifier];
            let config = run(&service, "aws", &[&get[..], &["--output", "json"]].concat()).await;
            if function == "Mail" {
                assert!(config.is_err(), "the stream calls it");
                continue;
            }
            let config: Value = serde_json::from_str(&config.unwrap()).unwrap();
            let limits = (&config["MaximumRetryAttempts"], &config["MaximumEventAgeInSeconds"]);
            assert_eq!(limits, (&json!(0), &json!(60)), "{function}:{qualifier}");
        }
    }
}

#[tokio::test]
async fn the_buckets_refuse_plain_http() {
    let service = Service::running();
    let page = service.page("index.html");
    let plain = page.replace(service.setting("AWS_ENDPOINT_URL"), service.setting("PLAIN_ENDPOINT_URL"));
    let status = async |address: &str| reqwest::get(address).await.unwrap().status().as_u16();
    assert_eq!((status(&page).await, status(&plain).await), (200, 403));
    let stack = ["cloudformation", "list-stack-resources", "--stack-name", service.setting("FUNCTION_PREFIX")];
    let query = "StackResourceSummaries[?ResourceType=='AWS::S3::Bucket'].PhysicalResourceId";
    let list = [&stack[..], &["--query", query, "--output", "json"]].concat();
    let buckets: Vec<String> = serde_json::from_str(&run(&service, "aws", &list).await.unwrap()).unwrap();
    assert_eq!(buckets.len(), 2);
    for bucket in buckets {
        let get = ["s3api", "get-bucket-policy", "--bucket", &bucket, "--query", "Policy", "--output", "text"];
        let policy: Value = serde_json::from_str(&run(&service, "aws", &get).await.unwrap()).unwrap();
        let arn = format!("arn:aws:s3:::{bucket}");
        let refused = json!({
            "Sid": "OnlyTLS",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        });
        assert!(policy["Statement"].as_array().unwrap().contains(&refused), "{bucket}");
    }
}

#[tokio::test]
async fn a_role_is_for_tokens_of_this_pool_and_of_its_own_kind() {
    let service = Service::running();
    let roles = roles(&service).await;
    let cognito = service.owner().cognito;
    let provider = service.setting("DEVELOPER_PROVIDER_NAME");
    let other = cognito
        .create_identity_pool()
        .identity_pool_name("another")
        .allow_unauthenticated_identities(true)
        .allow_classic_flow(true)
        .developer_provider_name(provider)
        .send()
        .await
        .unwrap()
        .identity_pool_id;
    let login = async |pool: &str| {
        let token = cognito.get_open_id_token_for_developer_identity().identity_pool_id(pool);
        token.logins(provider, address("somebody")).send().await.unwrap().token.unwrap()
    };
    let guest = cognito.get_id().identity_pool_id(&other).send().await.unwrap().identity_id.unwrap();
    let guest = cognito.get_open_id_token().identity_id(guest).send().await.unwrap().token.unwrap();
    let (ours, theirs) = (login(service.setting("IDENTITY_POOL_ID")).await, login(&other).await);
    for (role, token, opens) in [
        ("AuthenticatedRole", &ours, true),
        ("AuthenticatedRole", &theirs, false),
        ("AuthenticatedRole", &guest, false),
        ("AnonymousRole", &ours, false),
        ("AnonymousRole", &theirs, false),
        ("AnonymousRole", &guest, false),
    ] {
        let arn = text(&roles[role], "Arn");
        let mut assume = vec!["sts", "assume-role-with-web-identity", "--role-session-name", "test"];
        assume.extend(["--role-arn", arn, "--web-identity-token", token]);
        let answer = run(&service, "aws", &assume).await;
        let denied = answer.as_ref().is_err_and(|complaint| complaint.contains("AccessDenied"));
        assert_eq!((answer.is_ok(), denied), (opens, !opens), "{role}");
    }
    // Of a guest of this pool, Cognito gives no such token: only credentials.
    let conditions = |role: &str| roles[role]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"].clone();
    for (role, kind) in [("AnonymousRole", "unauthenticated"), ("AuthenticatedRole", "authenticated")] {
        let condition = json!({
            "StringEquals": { "cognito-identity.amazonaws.com:aud": service.setting("IDENTITY_POOL_ID") },
            "ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": kind },
        });
        assert_eq!(conditions(role), condition);
    }
}

#[tokio::test]
async fn nobody_but_the_service_gets_tokens_for_others() {
    let service = Service::running();
    let cat = Account::verified(&service, "cat").await;
    for caller in [service.guest().await, cat.authenticated(&service).await] {
        let answer = caller
            .cognito
            .get_open_id_token_for_developer_identity()
            .identity_pool_id(service.setting("IDENTITY_POOL_ID"))
            .logins(service.setting("DEVELOPER_PROVIDER_NAME"), "root")
            .send()
            .await;
        let code = code(&answer.unwrap_err());
        assert!(denied(&code) || code == "NotAuthorizedException", "{code}");
    }
}

#[tokio::test]
async fn a_token_that_was_changed_opens_nothing() {
    let service = Service::running();
    let (dan, eve) = (Account::verified(&service, "dan").await, Account::verified(&service, "eve").await);
    let (his, hers) = (dan.log_in(&dan.password).await, eve.log_in(&eve.password).await);
    let parts: Vec<_> = text(&hers, "token").split('.').collect();

    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["sub"] = his["identityId"].clone();
    let encoded = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let unsigned = BASE64_URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
    for forged in [
        format!("{}.{encoded}.{}", parts[0], parts[2]),
        format!("{unsigned}.{encoded}."),
        format!("{}.{encoded}.", parts[0]),
        String::new(),
    ] {
        let refused = service.user(text(&his, "identityId"), &forged).await.err().unwrap();
        assert!(matches!(refused.as_str(), "NotAuthorizedException" | "InvalidParameterException"), "{refused}");
    }
}

/// What a token says.
fn claims(token: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// What a token of a login can be exchanged for ends 65 minutes after the login at the latest: five minutes of the token, and
/// the hour that Cognito gives to credentials.
#[tokio::test]
async fn what_a_login_opens_ends_within_65_minutes() {
    let service = Service::running();
    let fay = Account::verified(&service, "fay").await;
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let answer = fay.log_in(&fay.password).await;
    let said = claims(text(&answer, "token"));
    let (issued, expires) = (said["iat"].as_u64().unwrap(), said["exp"].as_u64().unwrap());
    assert_eq!(expires - issued, 300);
    assert!(issued >= before, "a login gets a new token and not one that was kept");

    let exchange = service.owner().cognito.get_credentials_for_identity().identity_id(text(&answer, "identityId"));
    let credentials = exchange.logins("cognito-identity.amazonaws.com", text(&answer, "token")).send().await.unwrap();
    let exchanged = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let end = u64::try_from(credentials.credentials.unwrap().expiration.unwrap().secs()).unwrap();
    assert!(end > exchanged && end - exchanged <= 60 * 60, "credentials end {} s later", end - exchanged);
}

#[tokio::test]
async fn a_token_that_has_expired_opens_nothing() {
    let service = Service::running();
    // The login function asks for longer ones; the owner may ask for one second.
    let answer = service
        .owner()
        .cognito
        .get_open_id_token_for_developer_identity()
        .identity_pool_id(service.setting("IDENTITY_POOL_ID"))
        .logins(service.setting("DEVELOPER_PROVIDER_NAME"), "somebody")
        .token_duration(1)
        .send()
        .await
        .unwrap();
    let (identity, token) = (answer.identity_id.unwrap(), answer.token.unwrap());
    let expires = UNIX_EPOCH + Duration::from_secs(claims(&token)["exp"].as_u64().unwrap());
    // Its life is what is tested: it has to pass.
    tokio::time::sleep(expires.duration_since(SystemTime::now()).unwrap_or_default()).await;
    assert_eq!(service.user(&identity, &token).await.err().as_deref(), Some("NotAuthorizedException"));
}

#[tokio::test]
async fn only_the_pages_can_be_read_by_everybody() {
    let service = Service::running();
    let status = async |url: String| reqwest::get(url).await.unwrap().status().as_u16();
    for page in ["index.html", "latchkey.js", "config.js", "style.css", "logo.svg", "vendor/aws4fetch.js"] {
        assert_eq!(status(service.page(page)).await, 200, "{page}");
    }
    // A listing of the bucket, and a file that is no page.
    assert_eq!(status(service.page("")).await, 403);
    assert_eq!(status(service.page("secret.json")).await, 403);
}
