//! Who may take a role.

use super::grants::has_reference;
use crate::judge::{Found, Scene};
use crate::policy::statements;
use crate::value::Item;

/// What may be done with a role by whom it trusts.
const TRUSTED: [&str; 4] =
    ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"];

pub(super) fn trust(scene: Scene<'_>, variant: &Item) -> Vec<Found> {
    let properties = variant.get("Properties");
    let Some(document) = properties.and_then(|properties| properties.get("AssumeRolePolicyDocument")) else {
        return vec![Found::at(variant.line, "the role has no AssumeRolePolicyDocument")];
    };
    let Some(statements) = statements(document) else {
        return vec![Found::at(document.line, "this is no policy document that can be read")];
    };
    let mut found = Vec::new();
    for statement in statements.into_iter().filter(|statement| !statement.denies()) {
        let line = statement.line();
        if let Some(element) = statement.stranger() {
            found.push(Found::at(line, &format!("a statement has no element {element}")));
        }
        if statement.is_about_everybody() {
            found.push(Found::at(line, "everybody may take the role"));
        } else if statement.principals().is_empty() {
            found.push(Found::at(line, "a statement names nobody who may take the role"));
        }
        let known = |action: &Item| action.known().is_some_and(|name| TRUSTED.contains(&name));
        if statement.element("NotAction").is_some()
            || statement.all("Action").is_empty()
            || !statement.all("Action").iter().all(known)
        {
            found.push(Found::at(line, &format!("what a role may be used for is one of {}", TRUSTED.join(", "))));
        }
        for (kind, principal) in statement.principals() {
            // A hook does not know which account is its own.
            if kind == Some("AWS") && scene.whole.is_some() && is_account(principal) && !statement.is_tied() {
                let what = format!("everybody in {} may take the role, without a condition", principal.shown());
                found.push(Found::at(principal.line, &what));
            }
            if kind != Some("Federated") {
                continue;
            }
            let pool = statement.condition(&["StringEquals"], "cognito-identity.amazonaws.com:aud");
            if is_cognito(principal)
                && pool.is_none()
                && !has_reference(statement, "cognito-identity.amazonaws.com:aud")
            {
                found.push(Found::at(
                    line,
                    "the role does not name its identity pool (StringEquals on cognito-identity.amazonaws.com:aud)",
                ));
            } else if !statement.has_condition() {
                found.push(Found::at(line, "the role takes every identity of the provider: it has no condition"));
            }
        }
    }
    found
}

/// Whether web identities of Cognito are meant, or nobody can tell that they are not.
pub(super) fn is_cognito(principal: &Item) -> bool {
    principal.known().is_none_or(|name| name.eq_ignore_ascii_case("cognito-identity.amazonaws.com"))
}

/// Whether a principal is a whole account that is named by its number: another one, where the template has `AWS::AccountId` for its own.
fn is_account(principal: &Item) -> bool {
    let Some(text) = principal.pattern() else { return false };
    let account = text.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next()).unwrap_or(&text);
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}
