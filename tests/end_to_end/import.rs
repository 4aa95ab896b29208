//! Users that an owner brings from another system.

use crate::account::{address, assert_refused, text};
use crate::scripts::run;
use crate::service::{Service, root};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A password and its hash as another system keeps it: bcrypt, scrypt, Argon2, Django, ASP.NET. The sources stand in
/// `shared/salting/tests/brought_along.rs`.
const BROUGHT_ALONG: [(&str, &str); 6] = [
    ("U*U*U", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    (
        "pleaseletmein",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
    ),
    ("password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
    ("lètmein", "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="),
    ("my password", "ANXrDknc7fGPpigibZXXZFMX4aoqz44JveK6jQuwY3eH/UyPhvr5xTPeGYEckLxz9A=="),
    ("my password", "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw"),
];

fn file(service: &Service, name: &str, lines: &[Value]) -> PathBuf {
    let file = service.folder.join(format!("{}.jsonl", address(name).split('@').next().unwrap()));
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    root().join(file)
}

async fn import(service: &Service, users: &std::path::Path) -> Result<String, String> {
    let config = service.folder.join("config.json");
    run(service, "./import-users.sh", &["--config", config.to_str().unwrap(), users.to_str().unwrap()]).await
}

fn last(printed: &str) -> &str {
    printed.lines().last().unwrap_or_default()
}

#[tokio::test]
async fn users_of_other_systems_log_in_with_their_passwords_and_their_hashes_are_renewed() {
    let service = Service::running();
    let emails: Vec<_> = BROUGHT_ALONG.iter().map(|_| address("brought")).collect();
    let lines: Vec<_> = emails
        .iter()
        .zip(BROUGHT_ALONG)
        .map(|(email, (_, hash))| json!({ "email": email, "hash": hash, "verified": true, "name": "Brought Along" }))
        .collect();
    let users = file(&service, "users", &lines);
    assert_eq!(last(&import(&service, &users).await.unwrap()), "6 lines: 6 written, 0 there already, 0 refused");
    let guest = service.guest().await;
    for (email, (password, hash)) in emails.iter().zip(BROUGHT_ALONG) {
        let wrong = json!({ "email": email, "password": format!("x{password}") });
        assert_refused(&guest.call("login", &wrong).await, "login", "invalid_credentials");
        let answer = guest.call("login", &json!({ "email": email, "password": password })).await;
        assert_eq!(answer["login"], true, "{hash}");
        let item = service.item(email).await.unwrap();
        assert!(item["passwordHash"].as_s().unwrap().starts_with("$pbkdf2-sha512$"), "{hash} is renewed");
        let again = guest.call("login", &json!({ "email": email, "password": password })).await;
        assert_eq!(text(&again, "identityId"), text(&answer, "identityId"));
    }
}

#[tokio::test]
async fn what_cannot_be_imported_is_reported_by_line_and_nothing_in_the_table_changes() {
    let service = Service::running();
    let (taken, new, unverified) = (address("taken"), address("new"), address("unverified"));
    let (_, hash) = BROUGHT_ALONG[0];
    service.put(crate::sample::item(&taken)).await;
    let before = service.item(&taken).await;
    let lines = [
        json!({ "email": new, "hash": hash, "verified": true }),
        json!({ "email": new.to_uppercase(), "hash": hash }),
        json!({ "email": "nobody", "hash": hash }),
        json!({ "email": address("plain"), "hash": "a plain password" }),
        json!({ "email": taken, "hash": hash }),
        json!({ "email": unverified, "hash": hash }),
    ];
    let users = file(&service, "mixed", &lines);
    let printed = import(&service, &users).await.unwrap();
    assert!(last(&printed).starts_with("6 lines: 2 written, 0 there already, 4 refused"), "{printed}");
    let report = std::fs::read_to_string(format!("{}.report.jsonl", users.display())).unwrap();
    let refused: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(refused.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert!(!report.contains("plain password") && !report.contains(hash));
    assert_eq!(service.item(&taken).await, before);

    // Who was not verified there proves the mailbox by a lost password.
    let guest = service.guest().await;
    let login = json!({ "email": unverified, "password": BROUGHT_ALONG[0].0 });
    assert_refused(&guest.call("login", &login).await, "login", "not_verified");
    guest.call("lostPassword", &json!({ "email": unverified })).await;
    let lost = service.last_mail(&unverified).await.parameter("lost");
    let reset = json!({ "email": unverified, "lost": lost, "password": "a password of one's own" });
    assert_eq!(guest.call("resetPassword", &reset).await, json!({ "changed": true }));
}

#[tokio::test]
async fn an_import_that_was_stopped_goes_on_and_one_that_is_repeated_changes_nothing() {
    let service = Service::running();
    let emails: Vec<_> = (0..100).map(|_| address("many")).collect();
    let (_, hash) = BROUGHT_ALONG[0];
    let lines: Vec<_> = emails.iter().map(|email| json!({ "email": email, "hash": hash, "verified": true })).collect();
    let users = file(&service, "many", &lines);
    let progress = PathBuf::from(format!("{}.progress", users.display()));
    let bytes = std::fs::metadata(&users).unwrap().len();
    // As a run leaves it that was killed after forty lines, of which the last ten were not written down any more.
    let stopped = json!({ "fileBytes": bytes, "lines": 30, "written": 30, "again": 0, "refused": 0 });
    let first = file(&service, "first", &lines[..40]);
    assert_eq!(last(&import(&service, &first).await.unwrap()), "40 lines: 40 written, 0 there already, 0 refused");
    std::fs::write(&progress, stopped.to_string()).unwrap();
    assert_eq!(last(&import(&service, &users).await.unwrap()), "100 lines: 90 written, 10 there already, 0 refused");
    for email in [&emails[0], &emails[39], &emails[99]] {
        assert!(service.item(email).await.is_some());
    }
    // Done: nothing is left to do. From the beginning: everything is there.
    assert_eq!(last(&import(&service, &users).await.unwrap()), "100 lines: 90 written, 10 there already, 0 refused");
    std::fs::remove_file(&progress).unwrap();
    assert_eq!(last(&import(&service, &users).await.unwrap()), "100 lines: 0 written, 100 there already, 0 refused");
    // Another file under the same name is not taken for the first.
    std::fs::write(&users, "{}\n").unwrap();
    assert!(import(&service, &users).await.unwrap_err().contains("has changed since its import began"));
}
