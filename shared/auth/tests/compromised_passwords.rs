//! Passwords that were published in a breach, if the owner has enabled the check.

mod world;

use latchkey_auth::Reason;
use world::{ADA, DONE, OTHER, PASSWORD, World};

/// The SHA-1 of [`PASSWORD`] and [`OTHER`], computed by Python's `hashlib`.
const PASSWORD_SHA1: &str = "2F9E53523B62ABC141A2B4D6019D23CBA835DBD0";
const OTHER_SHA1: &str = "E3FF046AE352440B76336C0DF21CBAB0D9D7E9DA";

#[tokio::test]
async fn a_published_password_is_refused_wherever_one_is_chosen_and_spends_nothing() {
    let world = World::default();
    world.compromised.add(PASSWORD_SHA1);
    let refused = world.create_user(ADA, PASSWORD).await.expect("no fault");
    assert_eq!(refused.reason(), Some(Reason::PasswordCompromised));
    assert!(world.user(ADA).is_none() && world.mails().await.is_empty());

    // No mail was counted: the next try is answered at once.
    world.verified(ADA, OTHER).await;
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await.reason(), Some(Reason::PasswordCompromised));
    for _ in 0..5 {
        // Looking for a password that is accepted is no attempt at the old one.
        world.change_password(ADA, OTHER, PASSWORD).await;
    }
    assert_eq!(world.login(ADA, OTHER).await.reason(), None);
    world.wait();
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
    assert_eq!(world.reset_password(ADA, &lost, PASSWORD).await.reason(), Some(Reason::PasswordCompromised));
    assert_eq!(world.reset_password(ADA, &lost, "something else entirely").await, DONE);
}

#[tokio::test]
async fn the_service_is_told_five_digits_and_only_of_new_passwords() {
    let world = World::default();
    world.verified(ADA, OTHER).await;
    assert_eq!(world.compromised.asked(), [&OTHER_SHA1[..5]]);
    world.login(ADA, OTHER).await;
    world.login(ADA, PASSWORD).await;
    world.reset_password(ADA, "a-link-that-nobody-was-mailed", PASSWORD).await;
    assert!(world.compromised.asked().is_empty());
}

#[tokio::test]
async fn a_service_that_fails_keeps_nobody_out_and_the_audit_trail_says_that_nobody_looked() {
    let world = World::default();
    world.compromised.fail(true);
    world.verified(ADA, PASSWORD).await;
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await, DONE);
    assert_eq!(world.record.borrow().unchecked.as_deref(), Some("memory"));
}
