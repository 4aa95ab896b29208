//! The check of `config.json` against `config.schema.json`, before anything is created.

use crate::effective;
use crate::regions;
use crate::settings::SCHEMA;
use latchkey_auth::Email;
use serde_json::{Map, Value};

/// A key of the configuration and what its value should be. The value itself is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{key}: {expected}")]
pub struct Problem {
    /// The key; the whole file if empty.
    pub key: String,
    /// What it should be.
    pub expected: String,
}

impl Problem {
    fn new(key: &str, expected: impl Into<String>) -> Self {
        Self { key: key.to_owned(), expected: expected.into() }
    }
}

/// Reads a configuration, or lists every key that is missing, unknown or wrong.
///
/// # Panics
///
/// If the schema that was compiled in is none, which a test rules out.
pub fn check(text: &str) -> Result<Map<String, Value>, Vec<Problem>> {
    let whole = |expected: String| vec![Problem::new("", expected)];
    let config: Value = serde_json::from_str(text)
        .map_err(|error| whole(format!("valid JSON; line {}, column {} is not", error.line(), error.column())))?;
    let Value::Object(object) = &config else { return Err(whole("a JSON object".to_owned())) };

    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let describe = |key: &str| schema["properties"][key]["description"].as_str().unwrap_or("a known key").to_owned();

    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut problems: Vec<Problem> = required
        .filter(|key| !object.contains_key(*key))
        .map(|key| Problem::new(key, format!("missing; it should be {}", describe(key))))
        .collect();
    for key in object.keys().filter(|key| schema["properties"].get(key.as_str()).is_none()) {
        problems.push(Problem::new(key, "is no key of this file; remove it or correct its name"));
    }
    for error in validator.iter_errors(&config) {
        let path = error.instance_path().to_string();
        if let Some(key) = path.strip_prefix('/').and_then(|path| path.split('/').next()) {
            problems.push(Problem::new(key, format!("should be {}", describe(key))));
        }
    }
    if problems.is_empty() {
        problems.extend(region(object));
        problems.extend(bucket(object));
        problems.extend(table(object));
        problems.extend(alarms(object));
    }
    problems.sort();
    problems.dedup();
    if problems.is_empty() { Ok(object.clone()) } else { Err(problems) }
}

/// What is wrong with the region. Which one it is may be repeated: it is a word of a known form.
fn region(config: &Map<String, Value>) -> Option<Problem> {
    let refusal = regions::check(config.get("REGION")?.as_str()?).err()?;
    Some(Problem::new("REGION", refusal.to_string()))
}

/// The longest name of a table.
const TABLE_CHARS: usize = 255;

/// What the template puts behind the user table's name, for the table of mail on its way.
const OUTBOX: &str = "Outbox";

/// What is wrong with the user table's name, which the outbox's begins with.
fn table(config: &Map<String, Value>) -> Option<Problem> {
    let longest = TABLE_CHARS - OUTBOX.len();
    (config.get("DDB_TABLE")?.as_str()?.len() > longest).then(|| {
        Problem::new(
            "DDB_TABLE",
            format!("should have at most {longest} characters: {OUTBOX} is put behind it, for the table of mail"),
        )
    })
}

/// What is wrong with the addresses of alarms: the notifier starts with none that its parser does not take, which would be found out
/// when something else fails.
fn alarms(config: &Map<String, Value>) -> Vec<Problem> {
    let in_force = effective(config);
    let value = |key: &str| in_force.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value);
    if value("ALARM_EMAIL").is_empty() {
        return Vec::new();
    }
    let is_wrong = |key: &&str| value(key).split(',').any(|address| Email::parse(address).is_err());
    let problem = |key| Problem::new(key, "has an address that no mail can reach");
    ["ALARM_EMAIL", "EMAIL_SOURCE"].into_iter().filter(is_wrong).map(problem).collect()
}

/// The longest name of a bucket. It is one label of a host name.
const BUCKET_CHARS: usize = 63;

/// How S3 begins and ends names that it gives itself.
const RESERVED: ([&str; 3], [&str; 6]) =
    (["xn--", "sthree-", "amzn-s3-demo-"], ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an"]);

/// What is wrong with the bucket's name in force, which may be made of other settings.
fn bucket(config: &Map<String, Value>) -> Option<Problem> {
    let (_, name) = effective(config).into_iter().find(|(key, _)| *key == "BUCKET")?;
    let (beginnings, ends) = RESERVED;
    if name.len() > BUCKET_CHARS {
        let expected = format!(
            "should be given: the one made of FUNCTION_PREFIX, account and region has {} characters, and a bucket's name has at \
             most {BUCKET_CHARS}",
            name.len()
        );
        return Some(Problem::new("BUCKET", expected));
    }
    let reserved = beginnings.iter().find(|beginning| name.starts_with(*beginning));
    let reserved = reserved.or_else(|| ends.iter().find(|end| name.ends_with(*end)))?;
    Some(Problem::new("BUCKET", format!("should be another name: S3 keeps {reserved} to itself")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Function, NOTIFIER, TRIGGER, functions};
    use serde_json::json;

    fn sample() -> Value {
        serde_json::from_str(include_str!("../../../config.json")).unwrap()
    }

    fn wrong(config: &Value) -> Vec<String> {
        check(&config.to_string()).err().unwrap_or_default().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_samples_configuration_is_accepted_as_it_is() {
        assert_eq!(wrong(&sample()), Vec::<String>::new());
        let mut old = sample();
        old["CRYPTO_BYTE_SIZE"] = json!(128);
        old["IDENTITY_POOL_ID"] = json!("us-east-1:3909a295-f5f8-4d6b-97ea-994ed4d324dd");
        assert_eq!(wrong(&old), Vec::<String>::new());
    }

    #[test]
    fn every_required_key_is_missed_by_name() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        for key in schema["required"].as_array().unwrap() {
            let key = key.as_str().unwrap();
            let mut config = sample();
            config.as_object_mut().unwrap().remove(key);
            assert_eq!(wrong(&config), [key]);
        }
    }

    #[test]
    fn every_wrong_value_is_reported_by_key_and_never_repeated() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        for key in schema["properties"].as_object().unwrap().keys().filter(|key| *key != "CRYPTO_BYTE_SIZE") {
            for value in [json!(null), json!({}), json!("m4rk3d\n"), json!(-1.5)] {
                let mut config = sample();
                config[key] = value.clone();
                let problems = check(&config.to_string()).err().unwrap_or_default();
                assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), [key], "{value}");
                assert!(!problems[0].to_string().contains("m4rk3d"), "{}", problems[0]);
            }
        }
    }

    #[test]
    fn several_mistakes_are_reported_at_once() {
        let config = json!({ "REGION": "here", "COLOUR": "red" });
        let keys = wrong(&config);
        assert!(keys.contains(&"REGION".to_owned()) && keys.contains(&"COLOUR".to_owned()), "{keys:?}");
        assert!(keys.contains(&"AWS_ACCOUNT_ID".to_owned()), "{keys:?}");
    }

    #[test]
    fn a_hash_below_its_floor_is_refused() {
        for (hash, rounds, fits) in [
            ("pbkdf2-sha512", json!(209_999), false),
            ("pbkdf2-sha512", json!("209999"), false),
            ("pbkdf2-sha512", json!("210000"), true),
            ("pbkdf2-sha256", json!(599_999), false),
            ("pbkdf2-sha256", json!("599999"), false),
            ("pbkdf2-sha256", json!("600000"), true),
            ("argon2id", json!(210_000), false),
        ] {
            let mut config = sample();
            config["PASSWORD_HASH"] = json!(hash);
            config["PASSWORD_HASH_ROUNDS"] = rounds.clone();
            assert_eq!(wrong(&config).is_empty(), fits, "{hash} {rounds}");
        }
    }

    #[test]
    fn a_page_is_judged_as_the_functions_judge_it() {
        for line in include_str!("../../../shared/config/tests/pages.txt").lines() {
            let (verdict, page) = line.split_once(' ').unwrap();
            for key in ["VERIFICATION_PAGE", "RESET_PAGE", "BREACHED_PASSWORDS_URL"] {
                let mut config = sample();
                config[key] = json!(page);
                assert_eq!(wrong(&config).is_empty(), verdict == "yes", "{key} {page}");
            }
        }
    }

    #[test]
    fn a_bucket_has_a_name_that_tls_and_s3_take() {
        let longest = "a".repeat(63);
        for (name, fits) in [
            ("pages", true),
            (&longest, true),
            (&*format!("{longest}a"), false),
            ("my.pages", false),
            ("Pages", false),
            ("-pages", false),
            ("pages-", false),
            ("xn--pages", false),
            ("pages-s3alias", false),
            ("pages--x-s3", false),
        ] {
            let mut config = sample();
            config["BUCKET"] = json!(name);
            assert_eq!(wrong(&config).is_empty(), fits, "{name}");
        }
    }

    #[test]
    fn a_prefix_too_long_for_the_buckets_default_name_is_said() {
        let mut config = sample();
        config["REGION"] = json!("ap-southeast-1");
        config["FUNCTION_PREFIX"] = json!("a".repeat(35));
        assert_eq!(wrong(&config), Vec::<String>::new());
        config["FUNCTION_PREFIX"] = json!("a".repeat(36));
        assert_eq!(wrong(&config), ["BUCKET"]);
        config["BUCKET"] = json!("pages");
        assert_eq!(wrong(&config), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_json_object_is_said_with_its_place() {
        assert_eq!(check("[]").unwrap_err()[0].to_string(), ": a JSON object");
        assert!(check("{\n  \"REGION\" 1\n}").unwrap_err()[0].expected.contains("line 2"));
    }

    #[test]
    fn a_region_where_the_service_cannot_work_is_refused() {
        let mut config = sample();
        for (region, fits) in
            [("eu-west-1", true), ("mx-central-1", false), ("us-gov-west-1", false), ("eu-west-9", false)]
        {
            config["REGION"] = json!(region);
            let problems = check(&config.to_string()).err().unwrap_or_default();
            assert_eq!(problems.is_empty(), fits, "{region}");
            assert!(
                problems.iter().all(|problem| problem.key == "REGION" && problem.expected.contains(region)),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn alarms_go_to_addresses_and_to_nothing_else() {
        let ten = ["ops@example.com"; 10].join(",");
        for (value, fits) in [
            ("", true),
            ("ops@example.com", true),
            ("Ops+night@Example.com, owner@example.org", true),
            (&*ten, true),
            (&*format!("{ten},ops@example.com"), false),
            ("ops", false),
            ("ops@example", false),
            ("ops@example.com,", false),
            ("ops@example.com;owner@example.org", false),
            ("ops@example.com owner@example.org", false),
            (" ops@example.com", false),
            ("ops..night@example.com", false),
            ("ops@-example.com", false),
            ("j\u{f6}rg@example.com", false),
        ] {
            let mut config = sample();
            config["ALARM_EMAIL"] = json!(value);
            let expected: &[&str] = if fits { &[] } else { &["ALARM_EMAIL"] };
            assert_eq!(wrong(&config), expected, "{value}");
        }
        // The notifier sends from the service's address.
        let mut config = sample();
        config["EMAIL_SOURCE"] = json!("a..b@example.com");
        assert_eq!(wrong(&config), Vec::<String>::new());
        config["ALARM_EMAIL"] = json!("ops@example.com");
        assert_eq!(wrong(&config), ["EMAIL_SOURCE"]);
    }

    #[test]
    fn every_name_that_is_made_of_a_setting_is_within_the_limit_of_its_service() {
        let mut config = sample();
        config["BUCKET"] = json!("pages");
        config["FUNCTION_PREFIX"] = json!("a".repeat(40));
        assert_eq!(wrong(&config), Vec::<String>::new());
        for name in functions().iter().map(Function::resource).chain([TRIGGER.0.to_owned(), NOTIFIER.0.to_owned()]) {
            // Lambda's limit; a log group's is 512, an alarm's 255, and a stack's 128.
            assert!(40 + name.len() <= 64, "{name}");
        }
        config["FUNCTION_PREFIX"] = json!("a".repeat(41));
        assert_eq!(wrong(&config), ["FUNCTION_PREFIX"]);

        config["FUNCTION_PREFIX"] = json!("a");
        config["DDB_TABLE"] = json!("t".repeat(249));
        assert_eq!(wrong(&config), Vec::<String>::new());
        assert!(include_str!("../../../stacks/service.yaml").contains(&format!("${{TableName}}{OUTBOX}\"")));
        config["DDB_TABLE"] = json!("t".repeat(250));
        assert_eq!(wrong(&config), ["DDB_TABLE"]);
    }
}
