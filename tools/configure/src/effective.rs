//! The configuration with its defaults filled in, as text.

use serde_json::{Map, Value};

/// Every setting that the scripts use, with its effective value.
///
/// `BUCKET` as the name of the bucket, which is what the sample's file holds, means a chosen one: bucket names
/// are global, so the account and the region are part of it. The pages' addresses follow it.
#[must_use]
pub fn effective(config: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let given = |key: &str| match config.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
        None => None,
    };
    let or = |key: &str, default: &str| given(key).unwrap_or_else(|| default.to_owned());

    let (account, region, prefix) = (or("AWS_ACCOUNT_ID", ""), or("REGION", ""), or("FUNCTION_PREFIX", "sampleAuth"));
    let chosen = format!("{}-{account}-{region}", prefix.to_lowercase());
    let bucket = given("BUCKET").filter(|name| name != "BUCKET").unwrap_or(chosen);
    let site = format!("https://{bucket}.s3.{region}.amazonaws.com");
    let page = |key: &str, file: &str| {
        given(key).filter(|url| !url.contains("://BUCKET.")).unwrap_or_else(|| format!("{site}/{file}"))
    };
    let pages = [
        ("VERIFICATION_PAGE", page("VERIFICATION_PAGE", "verify.html")),
        ("RESET_PAGE", page("RESET_PAGE", "resetPassword.html")),
    ];

    let mut settings = vec![
        ("AWS_ACCOUNT_ID", account),
        ("CLI_PROFILE", or("CLI_PROFILE", "")),
        ("REGION", region),
        ("BUCKET", bucket),
        ("MAX_AGE", or("MAX_AGE", "10")),
        ("DDB_TABLE", or("DDB_TABLE", "")),
        ("IDENTITY_POOL_NAME", or("IDENTITY_POOL_NAME", "")),
        ("IDENTITY_POOL_ID", or("IDENTITY_POOL_ID", "")),
        ("DEVELOPER_PROVIDER_NAME", or("DEVELOPER_PROVIDER_NAME", "")),
        ("EXTERNAL_NAME", or("EXTERNAL_NAME", "")),
        ("EMAIL_SOURCE", or("EMAIL_SOURCE", "")),
        ("FUNCTION_PREFIX", prefix),
        ("ARCHITECTURE", or("ARCHITECTURE", "x86_64")),
        ("PASSWORD_MIN_LENGTH", or("PASSWORD_MIN_LENGTH", "8")),
        ("PASSWORD_HASH", or("PASSWORD_HASH", "pbkdf2-sha512")),
        ("PASSWORD_HASH_ROUNDS", or("PASSWORD_HASH_ROUNDS", "")),
        ("BREACHED_PASSWORDS_URL", or("BREACHED_PASSWORDS_URL", "")),
        ("UNVERIFIED_DAYS", or("UNVERIFIED_DAYS", "7")),
        ("REVEAL_ACCOUNTS", or("REVEAL_ACCOUNTS", "false")),
        ("LOG_RETENTION_DAYS", or("LOG_RETENTION_DAYS", "30")),
        ("SITE_URL", or("SITE_URL", &format!("{site}/index.html"))),
    ];
    settings.extend(pages);
    settings
}

/// The settings as assignments that a POSIX shell evaluates to exactly these values.
#[must_use]
pub fn shell(settings: &[(&str, String)]) -> String {
    // Between single quotes a shell takes everything as it stands, but a single quote.
    let assignment = |(key, value): &(&str, String)| format!("{key}='{}'", value.replace('\'', r"'\''"));
    settings.iter().map(assignment).collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::process::Command;

    fn settings(changes: &Value) -> Vec<(&'static str, String)> {
        let text = include_str!("../../../config.json");
        let mut config: Map<String, Value> = serde_json::from_str(text).unwrap();
        config.extend(changes.as_object().unwrap().clone());
        effective(&config)
    }

    fn value(settings: &[(&str, String)], key: &str) -> String {
        settings.iter().find(|(name, _)| *name == key).unwrap().1.clone()
    }

    #[test]
    fn the_samples_placeholder_becomes_a_bucket_of_ones_own() {
        let settings = settings(&json!({}));
        let bucket = "sampleauth-123412341234-us-east-1";
        assert_eq!(value(&settings, "BUCKET"), bucket);
        let page = format!("https://{bucket}.s3.us-east-1.amazonaws.com/verify.html");
        assert_eq!(value(&settings, "VERIFICATION_PAGE"), page);
    }

    #[test]
    fn what_the_owner_chose_is_kept() {
        let settings = settings(&json!({
            "BUCKET": "pages", "VERIFICATION_PAGE": "https://example.com/v", "MAX_AGE": 60, "REVEAL_ACCOUNTS": true
        }));
        assert_eq!(value(&settings, "BUCKET"), "pages");
        assert_eq!(value(&settings, "VERIFICATION_PAGE"), "https://example.com/v");
        assert_eq!(value(&settings, "MAX_AGE"), "60");
        assert_eq!(value(&settings, "REVEAL_ACCOUNTS"), "true");
    }

    #[test]
    fn a_shell_reads_back_exactly_what_was_set() {
        let name = "Tom's \"$(false)\" `false` \\ & Söhne $HOME";
        let assignments = shell(&settings(&json!({ "EXTERNAL_NAME": name })));
        let script = format!("{assignments}printf %s \"$EXTERNAL_NAME\"");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), name);
    }
}
