//! The keys of a stack: drawn once, changed in steps, and never on a command line.

use crate::account::{Account, text};
use crate::scripts::{Recorder, run, run_recorded};
use crate::service::Service;
use crate::set_up::{configuration, prefix, update};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Which keys each function has.
const KEYS: [(&str, &[&str]); 7] = [
    ("CreateUser", &["AUDIT_KEY", "MAIL_KEY"]),
    ("VerifyUser", &["AUDIT_KEY"]),
    ("Login", &["AUDIT_KEY", "DEVICE_KEY", "MAIL_KEY"]),
    ("ChangePassword", &["AUDIT_KEY", "DEVICE_KEY", "MAIL_KEY"]),
    ("LostPassword", &["AUDIT_KEY", "MAIL_KEY"]),
    ("ResetPassword", &["AUDIT_KEY", "DEVICE_KEY", "MAIL_KEY"]),
    ("Mail", &["AUDIT_KEY", "MAIL_KEY"]),
];

/// A key as a stack had it before keys had identifiers.
const BARE: &str = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";

/// The rings that a stack's functions have, by variable. Functions that share one have the same.
async fn rings(service: &Service) -> BTreeMap<String, String> {
    let mut rings = BTreeMap::new();
    for (function, expected) in KEYS {
        let name = format!("{}{function}", service.setting("FUNCTION_PREFIX"));
        let get = ["lambda", "get-function-configuration", "--function-name", &name, "--qualifier", "live"];
        let query = ["--query", "Environment.Variables", "--output", "json"];
        let variables = run(service, "aws", &[&get[..], &query[..]].concat()).await.unwrap();
        let variables: BTreeMap<String, String> = serde_json::from_str(&variables).unwrap();
        let keys: Vec<_> = variables.into_iter().filter(|(variable, _)| variable.ends_with("_KEY")).collect();
        assert!(keys.iter().map(|(variable, _)| variable.as_str()).eq(expected.iter().copied()), "{function}");
        for (variable, ring) in keys {
            assert!(rings.insert(variable, ring.clone()).is_none_or(|before| before == ring), "{function} has others");
        }
    }
    rings
}

/// The keys of a ring, by their identifiers, the one that writes first.
fn keys(ring: &str) -> Vec<(String, String)> {
    let entry = |entry: &str| {
        let (id, key) = entry.split_once(':').unwrap_or(("0", entry));
        (id.to_owned(), key.to_owned())
    };
    ring.split(',').map(entry).collect()
}

fn ids(ring: &str) -> Vec<String> {
    keys(ring).into_iter().map(|(id, _)| id).collect()
}

/// How many calls the trail of an account shows, and whether it says that some cannot be read.
async fn trail(service: &Service, config: &Path, email: &str) -> usize {
    let arguments = ["--config", config.to_str().unwrap(), "--since", "15m", "--account", email];
    run(service, "./audit.sh", &arguments).await.unwrap().lines().count()
}

#[tokio::test]
async fn keys_are_drawn_once_followed_by_others_without_a_gap_and_never_an_argument() {
    let service = Service::running();
    let name = prefix("keyed");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name }));
    let config = ["--config", file.to_str().unwrap()];
    let recorder = Recorder::new(service.folder.join(format!("{name}-recorder")));
    let script = async |script: &str, arguments: &[&str]| {
        run_recorded(&service, &recorder, script, &[&config[..], arguments].concat()).await
    };
    let mut secrets = BTreeSet::new();
    let mut remember = |rings: &BTreeMap<String, String>| {
        secrets.extend(rings.values().flat_map(|ring| keys(ring)).map(|(_, key)| key));
    };

    script("./init.sh", &[]).await.unwrap();
    let stack = Service::running().of_stack(&file);
    let drawn = rings(&stack).await;
    remember(&drawn);
    assert!(drawn.values().all(|ring| ids(ring) == ["0"]), "one key each, with an identifier");
    let different: BTreeSet<_> = drawn.values().collect();
    assert_eq!(different.len(), 3, "each purpose has a key of its own");
    // Again: they stay.
    let printed = script("./init.sh", &[]).await.unwrap();
    assert_eq!(printed.matches("nothing to change").count(), 3, "{printed}");
    assert_eq!(rings(&stack).await, drawn);

    // A stack from before identifiers keeps its key, as key 0.
    update(&service, &name, "AuditKey", BARE).await;
    update(&service, &name, "KeyIds", "none=0").await;
    script("./deploy.sh", &[]).await.unwrap();
    assert_eq!(rings(&stack).await["AUDIT_KEY"], BARE);
    let shown = script("./keys.sh", &[]).await.unwrap();
    assert!(shown.contains("audit: key 0\n") && shown.contains("device: key 0\n"), "{shown}");

    let ada = Account::verified(&stack, "ada").await;
    let on = async |device: &str| -> String {
        let login = json!({ "email": ada.email, "password": ada.password, "device": device });
        text(&ada.guest.call("login", &login).await, "device").to_owned()
    };
    let device = on("").await;
    assert_eq!(on(&device).await, device, "the device is known");
    let calls = trail(&service, &file, &ada.email).await;
    assert_eq!(calls, 4);

    let printed = script("./keys.sh", &["new", "audit", "mail", "device"]).await.unwrap();
    assert_eq!(printed.matches(&format!("stack {name}: done")).count(), 2, "read first, then written: {printed}");
    for kind in ["audit", "mail", "device"] {
        assert!(printed.contains(&format!("{kind}: key 1 writes, and key 0 is read too")), "{printed}");
    }
    let followed = rings(&stack).await;
    remember(&followed);
    assert!(followed.values().all(|ring| ids(ring) == ["1", "0"]));
    assert_eq!(keys(&followed["AUDIT_KEY"])[1].1, BARE);
    let complaint = script("./keys.sh", &["new", "mail"]).await.unwrap_err();
    assert!(complaint.contains("two keys already"), "{complaint}");

    // What the former keys wrote is read, and mail goes out.
    let again = on(&device).await;
    assert_ne!(again, device, "the answer has a token of the new key");
    assert_eq!(on(&device).await, again, "which is of the same device");
    assert_eq!(trail(&service, &file, &ada.email).await, calls + 2);
    ada.lose_password(&stack).await;
    let printed = script("./deploy.sh", &[]).await.unwrap();
    assert!(printed.contains(&format!("stack {name}: nothing to change")), "{printed}");

    script("./keys.sh", &["drop", "audit", "mail", "device"]).await.unwrap();
    let dropped = rings(&stack).await;
    for (variable, ring) in &dropped {
        assert_eq!(keys(ring), keys(&followed[variable])[..1], "the key that writes stays");
    }
    assert_eq!(on(&again).await, again);
    assert_ne!(on(&device).await, again, "a token of the former key is as none");
    assert_eq!(trail(&service, &file, &ada.email).await, 5, "two logins, a lost password and two more logins");
    ada.lose_password(&stack).await;
    let complaint = script("./keys.sh", &["drop", "mail"]).await.unwrap_err();
    assert!(complaint.contains("one key only"), "{complaint}");

    // As the first of the two deployments of a change leaves it, if the second does not come.
    update(&service, &name, "MailKey", &format!("{},2:{BARE}", dropped["MAIL_KEY"])).await;
    update(&service, &name, "KeyIds", "audit=1 mail=1,2 device=1").await;
    let complaint = script("./keys.sh", &["drop", "mail"]).await.unwrap_err();
    assert!(complaint.contains("complete the change first"), "{complaint}");
    script("./keys.sh", &["new", "mail"]).await.unwrap();
    assert_eq!(rings(&stack).await["MAIL_KEY"], format!("2:{BARE},{}", dropped["MAIL_KEY"]));

    // BARE went to the stack by this test's own hand.
    assert!(secrets.len() == 7 && secrets.remove(BARE), "{} keys", secrets.len());
    let seen = recorder.command_lines();
    assert!(seen.contains("update-stack") && seen.contains("keys.sh"), "something was recorded");
    for secret in &secrets {
        assert!(!seen.contains(secret.trim_end_matches('=')), "a key was an argument");
    }
    let files = recorder.files();
    assert!(files.len() >= 8, "{}", files.len());
    for (permissions, folder, path) in files {
        assert_eq!((permissions.as_str(), folder.as_str()), ("600", "700"), "{}", path.display());
        assert!(!path.exists() && !path.parent().unwrap().exists(), "{} is left", path.display());
    }
}

#[tokio::test]
async fn what_cannot_be_done_with_keys_is_said_before_anything_is_changed() {
    let service = Service::running();
    let name = prefix("keyless");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name }));
    let config = ["--config", file.to_str().unwrap()];
    for wrong in [&["new"][..], &["new", "login"], &["drop", "mail", "now"], &["drop"], &["show"]] {
        let complaint = run(&service, "./keys.sh", &[&config[..], wrong].concat()).await.unwrap_err();
        assert!(complaint.contains("usage: "), "{complaint}");
    }
    let complaint = run(&service, "./keys.sh", &config).await.unwrap_err();
    assert!(complaint.contains(&format!("stack {name} is not there")), "{complaint}");
}
