//! Policies of other resources than roles and buckets, and whom they let in.

use crate::judge::Found;
use crate::policy::{Statement, is_anybody, names_somebody, statements};
use crate::value::Item;

pub(super) fn everybody(kind: &str, variant: &Item) -> Vec<Found> {
    let Some(properties) = variant.get("Properties") else {
        return vec![Found::at(variant.line, "it has no properties")];
    };
    let required = |name: &str| open_statements(properties.get(name).unwrap_or(properties));
    match kind {
        "AWS::Lambda::Url" => url(properties),
        "AWS::ApiGatewayV2::Api" | "AWS::ApiGatewayV2::Route" | "AWS::ApiGateway::Method" => gateway(kind, properties),
        "AWS::Lambda::Permission" | "AWS::Lambda::LayerVersionPermission" => permission(properties),
        "AWS::Events::EventBusPolicy" => event_bus(properties),
        "AWS::SecretsManager::ResourcePolicy" => required("ResourcePolicy"),
        "AWS::SQS::QueuePolicy"
        | "AWS::SQS::QueueInlinePolicy"
        | "AWS::SNS::TopicPolicy"
        | "AWS::SNS::TopicInlinePolicy" => required("PolicyDocument"),
        // The others may have a policy, under many names.
        _ => {
            let mut found = Vec::new();
            policies(properties, &mut found);
            found
        }
    }
}

fn url(properties: &Item) -> Vec<Found> {
    if properties.get("AuthType").and_then(Item::known) == Some("AWS_IAM") {
        return vec![];
    }
    let line = properties.get("AuthType").map_or(properties.line, |item| item.line);
    vec![Found::at(line, "anybody may call the function at this URL: AuthType is not AWS_IAM")]
}

/// What API Gateway lets in. The question of a browser (OPTIONS) comes before the call, and has no credentials.
fn gateway(kind: &str, properties: &Item) -> Vec<Found> {
    const ASKING: [&str; 4] = ["AWS_IAM", "JWT", "CUSTOM", "COGNITO_USER_POOLS"];
    let known = |name: &str| properties.get(name).and_then(Item::known);
    if kind == "AWS::ApiGatewayV2::Api" {
        // One that is made of a target has a route without authorization.
        let target = properties.get("Target").map(|target| target.line);
        let found =
            |line| Found::at(line, "anybody may call the Target of this API: it has no route that asks who they are");
        return target.map(found).into_iter().collect();
    }
    let preflight =
        known("HttpMethod") == Some("OPTIONS") || known("RouteKey").is_some_and(|key| key.starts_with("OPTIONS "));
    if preflight || known("AuthorizationType").is_some_and(|authorization| ASKING.contains(&authorization)) {
        return vec![];
    }
    let line = properties.get("AuthorizationType").map_or(properties.line, |item| item.line);
    vec![Found::at(line, "anybody may call it: AuthorizationType does not ask who they are")]
}

fn permission(properties: &Item) -> Vec<Found> {
    let line = properties.line;
    let Some(principal) = properties.get("Principal").filter(|item| item.pieces().is_some()) else {
        return vec![Found::at(line, "it does not say who may invoke the function")];
    };
    // A layer may be given to an organization.
    if is_anybody(principal) && !properties.get("OrganizationId").is_some_and(names_somebody) {
        return vec![Found::at(principal.line, "everybody may invoke the function")];
    }
    let narrowed = ["SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken"]
        .iter()
        .any(|key| properties.get(key).is_some_and(names_somebody));
    let name = principal.shown();
    if is_service(principal) && !narrowed {
        return vec![Found::at(
            line,
            &format!("{name} may invoke the function on behalf of any account: it has no SourceArn"),
        )];
    }
    vec![]
}

fn is_service(principal: &Item) -> bool {
    principal.full().contains(".amazonaws.com")
}

/// A statement, or its parts as properties.
fn event_bus(properties: &Item) -> Vec<Found> {
    let mut found = Vec::new();
    match (properties.get("Statement"), properties.get("Principal")) {
        (Some(statement), None) => open_statement(Statement::of(statement), &mut found),
        (None, Some(principal)) => {
            let organization = properties.get("Condition").and_then(|condition| condition.get("Value"));
            if is_anybody(principal) && !organization.is_some_and(names_somebody) {
                found.push(Found::at(principal.line, "everybody may put events on the bus"));
            }
        }
        _ => found.push(Found::at(properties.line, "it does not say who may put events on the bus")),
    }
    found
}

/// Finds policies within a value: mappings with statements, and texts that hold such a mapping as JSON.
fn policies(item: &Item, found: &mut Vec<Found>) {
    if item.get("Statement").is_some() {
        found.extend(open_statements(item));
        return;
    }
    if let Some(text) = item.pattern().filter(|text| text.contains("\"Statement\"")) {
        match serde_json::from_str(&text) {
            Ok(document) => found.extend(open_statements(&Item::of_json(item.line, &document))),
            Err(_) => found.push(Found::at(item.line, "this is no policy document that can be read")),
        }
    }
    for (_, part) in item.entries() {
        policies(part, found);
    }
    for part in item.items() {
        policies(part, found);
    }
}

fn open_statements(document: &Item) -> Vec<Found> {
    let Some(statements) = statements(document) else {
        return vec![Found::at(document.line, "this is no policy document that can be read")];
    };
    let mut found = Vec::new();
    for statement in statements.into_iter().filter(|statement| !statement.denies()) {
        open_statement(statement, &mut found);
    }
    found
}

fn open_statement(statement: Statement<'_>, found: &mut Vec<Found>) {
    let line = statement.line();
    if let Some(element) = statement.stranger() {
        found.push(Found::at(line, &format!("a statement has no element {element}")));
    }
    if statement.is_tied() {
        return;
    }
    if statement.is_about_everybody() {
        let what = "everybody has access, and no condition names an account, an organization or a resource";
        found.push(Found::at(line, what));
    }
    for (_, principal) in statement.principals().into_iter().filter(|(_, principal)| is_service(principal)) {
        let what = format!(
            "{} has access on behalf of any account: no condition names the account or the resource (aws:SourceAccount, aws:SourceArn)",
            principal.shown()
        );
        found.push(Found::at(principal.line, &what));
    }
}
