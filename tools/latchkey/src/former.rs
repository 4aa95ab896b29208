//! Which kinds of password hashes may remain in the table that `PASSWORD_HASH` no longer makes.
//!
//! Every check of a password pays for them (`latchkey_salting::Schemes`), so they are kept as a parameter of the stack, from one
//! deployment to the next, until the owner says that none is left.

use crate::check::Problem;
use crate::effective;
use latchkey_salting::{FormerHash, LegacyForm, Scheme};
use serde_json::{Map, Value};

/// What the stack has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deployed<'a> {
    /// The parameter `PasswordHash`; empty before the first deployment.
    pub hash: &'a str,
    /// The parameter `PasswordHashRounds`; empty for the fewest.
    pub rounds: &'a str,
    /// The parameter `FormerPasswordHashes`.
    pub former: &'a str,
}

/// The kinds of hashes that may remain, as the stack's parameter has them: those that the stack remembers; its scheme, where the
/// configuration has another function; and those that were found in a table that is taken over, separated by spaces or commas. A configuration that lowers the cost is a problem.
pub fn former(config: &Map<String, Value>, deployed: Deployed<'_>, found: &str) -> Result<String, Problem> {
    let in_force = effective(config);
    let value = |key: &str| in_force.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value);
    let wanted = scheme(value("PASSWORD_HASH"), value("PASSWORD_HASH_ROUNDS"))?;
    let mut kinds: Vec<FormerHash> = list(deployed.former)?;
    if !deployed.hash.is_empty() {
        kinds.push(FormerHash::Scheme(scheme(deployed.hash, deployed.rounds)?));
    }
    for kind in &kinds {
        if let FormerHash::Scheme(known) = kind
            && known.name() == wanted.name()
            && known.rounds() > wanted.rounds()
        {
            let rounds = known.rounds().map_or(0, latchkey_salting::Rounds::get);
            return Err(problem(
                "PASSWORD_HASH_ROUNDS",
                &format!(
                    "at least {rounds}, which the service has had; a lower cost would weaken new hashes, and tell by time \
                     which accounts have older ones"
                ),
            ));
        }
    }
    // In the newer sample's length, the owner's old configuration says whether they are the older one's.
    let older = config.get("CRYPTO_BYTE_SIZE").map(crate::settings::text).is_some_and(|bytes| bytes == "512");
    for kind in list(found)? {
        kinds.push(kind);
        if older && kind == FormerHash::Legacy(LegacyForm::SampleAuth) {
            kinds.push(FormerHash::Legacy(LegacyForm::LambdAuth { bytes: 512 }));
        }
    }
    let mut kept: Vec<FormerHash> = Vec::new();
    for kind in &kinds {
        if !is_covered(*kind, &kinds, wanted) && !kept.contains(kind) {
            kept.push(*kind);
        }
    }
    Ok(kept.iter().map(FormerHash::to_string).collect::<Vec<_>>().join(","))
}

/// Whether a check pays for this kind anyway: with the scheme that is wanted, or with another of its own function.
fn is_covered(kind: FormerHash, kinds: &[FormerHash], wanted: Scheme) -> bool {
    match kind {
        FormerHash::Scheme(scheme) => {
            let by_another = |other: &FormerHash| match other {
                FormerHash::Scheme(other) => scheme != *other && scheme.is_covered_by(*other),
                FormerHash::Legacy(_) => false,
            };
            scheme.is_covered_by(wanted) || kinds.iter().any(by_another)
        }
        // Its rounds are part of any number that PBKDF2-HMAC-SHA-512 may have.
        FormerHash::Legacy(LegacyForm::SampleAuth) => {
            let sha512 = Scheme::default().name();
            let is_sha512 = |other: &FormerHash| matches!(other, FormerHash::Scheme(other) if other.name() == sha512);
            wanted.name() == sha512 || kinds.iter().any(is_sha512)
        }
        FormerHash::Legacy(LegacyForm::LambdAuth { .. }) => false,
    }
}

fn list(kinds: &str) -> Result<Vec<FormerHash>, Problem> {
    let known = |kind: &str| {
        kind.parse::<FormerHash>()
            .map_err(|_| problem("PASSWORD_HASH", &format!("the stack names a former hash that is not known: {kind}")))
    };
    kinds.split([',', ' ']).filter(|kind| !kind.is_empty()).map(known).collect()
}

fn scheme(name: &str, rounds: &str) -> Result<Scheme, Problem> {
    let invalid = || problem("PASSWORD_HASH", &format!("{name} with {rounds} rounds is no scheme"));
    let rounds = Some(rounds).filter(|rounds| !rounds.is_empty()).map(|rounds| rounds.parse().map_err(|_| invalid()));
    Scheme::named(name, rounds.transpose()?).map_err(|_| invalid())
}

fn problem(key: &str, expected: &str) -> Problem {
    Problem { key: key.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(changes: &Value, hash: &str, rounds: &str, former: &str, found: &str) -> Result<String, String> {
        let mut config: Map<String, Value> = serde_json::from_str(include_str!("../../../config.json")).unwrap();
        config.extend(changes.as_object().unwrap().clone());
        super::former(&config, Deployed { hash, rounds, former }, found).map_err(|problem| problem.key)
    }

    #[test]
    fn another_function_leaves_the_one_before_to_be_remembered_until_it_is_chosen_again() {
        let argon2id = json!({ "PASSWORD_HASH": "argon2id" });
        let sha256 = json!({ "PASSWORD_HASH": "pbkdf2-sha256" });
        let nothing = Ok(String::new());
        assert_eq!(made(&json!({}), "", "", "", ""), nothing, "a first deployment");
        assert_eq!(made(&json!({}), "pbkdf2-sha512", "", "", ""), nothing, "no change");
        assert_eq!(made(&argon2id, "pbkdf2-sha512", "", "", "").unwrap(), "pbkdf2-sha512:210000");
        assert_eq!(made(&argon2id, "pbkdf2-sha512", "300000", "", "").unwrap(), "pbkdf2-sha512:300000");
        // It stays with later deployments.
        assert_eq!(made(&argon2id, "argon2id", "", "pbkdf2-sha512:210000", "").unwrap(), "pbkdf2-sha512:210000");
        let both = made(&sha256, "argon2id", "", "pbkdf2-sha512:210000", "").unwrap();
        assert_eq!(both, "pbkdf2-sha512:210000,argon2id");
        assert_eq!(made(&json!({}), "pbkdf2-sha256", "", &both, "").unwrap(), "argon2id,pbkdf2-sha256:600000");
    }

    #[test]
    fn more_rounds_of_the_same_function_need_not_be_remembered_and_fewer_are_refused() {
        let rounds = |rounds: u32| json!({ "PASSWORD_HASH_ROUNDS": rounds });
        assert_eq!(made(&rounds(300_000), "pbkdf2-sha512", "", "", "").unwrap(), "");
        let refused = Err("PASSWORD_HASH_ROUNDS".to_owned());
        assert_eq!(made(&rounds(299_999), "pbkdf2-sha512", "300000", "", ""), refused);
        assert_eq!(made(&json!({}), "pbkdf2-sha512", "300000", "", ""), refused, "left out, it is the fewest");
        // By way of another function as well.
        assert_eq!(made(&json!({}), "argon2id", "", "pbkdf2-sha512:300000", ""), refused);
        assert_eq!(made(&rounds(300_000), "argon2id", "", "pbkdf2-sha512:300000", "").unwrap(), "argon2id");
    }

    #[test]
    fn legacy_hashes_that_were_found_are_remembered_unless_they_cost_no_more_than_part_of_another() {
        let argon2id = json!({ "PASSWORD_HASH": "argon2id" });
        assert_eq!(made(&json!({}), "", "", "", "sampleauth").unwrap(), "");
        assert_eq!(made(&argon2id, "", "", "", "sampleauth").unwrap(), "sampleauth");
        assert_eq!(made(&argon2id, "pbkdf2-sha512", "", "", "sampleauth").unwrap(), "pbkdf2-sha512:210000");
        assert_eq!(made(&json!({}), "", "", "", "lambdauth:128 sampleauth").unwrap(), "lambdauth:128");
        assert_eq!(made(&json!({}), "pbkdf2-sha512", "", "lambdauth:128", "lambdauth:128").unwrap(), "lambdauth:128");
        for bytes in [json!(512), json!("512")] {
            let older = json!({ "CRYPTO_BYTE_SIZE": bytes });
            assert_eq!(made(&older, "", "", "", "sampleauth").unwrap(), "lambdauth:512");
        }
        assert_eq!(made(&json!({ "CRYPTO_BYTE_SIZE": 128 }), "", "", "", "sampleauth").unwrap(), "");
    }

    #[test]
    fn what_the_stack_names_and_nobody_knows_is_a_problem_and_not_dropped() {
        assert_eq!(made(&json!({}), "pbkdf2-sha512", "", "md5", ""), Err("PASSWORD_HASH".to_owned()));
        assert_eq!(made(&json!({}), "md5", "", "", ""), Err("PASSWORD_HASH".to_owned()));
    }
}
