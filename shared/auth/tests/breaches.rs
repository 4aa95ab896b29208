//! Passwords that were published in a breach, where the owner asked for the check.

mod world;

use latchkey_auth::{Answer, Cause, Fault, Reason};
use world::{ADA, OTHER, PASSWORD, World};

/// The SHA-1 of [`PASSWORD`] and [`OTHER`], by Python's `hashlib`.
const PASSWORD_SHA1: &str = "2F9E53523B62ABC141A2B4D6019D23CBA835DBD0";
const OTHER_SHA1: &str = "E3FF046AE352440B76336C0DF21CBAB0D9D7E9DA";

#[tokio::test]
async fn a_published_password_is_refused_wherever_one_is_chosen_and_spends_nothing() {
    let world = World::default();
    world.breaches.tell(PASSWORD_SHA1);
    let refused = world.sign_up(ADA, PASSWORD).await.expect("no fault");
    assert_eq!(refused.reason(), Some(Reason::PasswordBreached));
    assert!(world.user(ADA).is_none() && world.mailer.take().is_empty());

    // No mail was counted: the next try is answered at once.
    world.verified(ADA, OTHER).await;
    assert_eq!(world.change(ADA, OTHER, PASSWORD).await.reason(), Some(Reason::PasswordBreached));
    for _ in 0..5 {
        // Looking for a password that is accepted is no guess at the old one.
        world.change(ADA, OTHER, PASSWORD).await;
    }
    assert_eq!(world.login(ADA, OTHER).await.reason(), None);
    world.wait();
    world.lose(ADA).await.expect("no fault");
    let lost = world.mailed_token();
    assert_eq!(world.reset(ADA, &lost, PASSWORD).await.reason(), Some(Reason::PasswordBreached));
    assert_eq!(world.reset(ADA, &lost, "something else entirely").await, Answer::Done);
}

#[tokio::test]
async fn the_service_is_told_five_digits_and_only_of_new_passwords() {
    let world = World::default();
    world.verified(ADA, OTHER).await;
    assert_eq!(world.breaches.asked(), [&OTHER_SHA1[..5]]);
    world.login(ADA, OTHER).await;
    world.login(ADA, PASSWORD).await;
    world.reset(ADA, "a-link-that-nobody-was-mailed", PASSWORD).await;
    assert!(world.breaches.asked().is_empty());
}

#[tokio::test]
async fn a_service_that_fails_keeps_nobody_out_and_the_trail_says_that_nobody_looked() {
    let world = World::default();
    world.breaches.fail(true);
    world.verified(ADA, PASSWORD).await;
    assert_eq!(world.change(ADA, PASSWORD, OTHER).await, Answer::Done);
    let fault = Fault::Breaches(Cause::code("memory"));
    assert_eq!(world.findings.borrow().unchecked, Some(fault));
}
