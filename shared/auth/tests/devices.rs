//! Known devices and closed accounts, with the services in memory.

mod world;

use latchkey_auth::throttle::{FREE_ATTEMPTS, LONGEST_WAIT};
use latchkey_auth::{Email, Login, MailTemplate, Outcome, Reason, User, UserId};
use latchkey_keys::{Key, KeyRing};
use latchkey_salting::StoredHash;
use serde_json::json;
use world::{ADA, DONE, HOUR, OTHER, PASSWORD, World, device, identity, legacy_user, new_device, to_json};

const NOBODY: &str = "nobody@example.com";
const THIRD: &str = "tr0ub4dor and three";

// Written out once more, so that none of them changes unseen.
const MOST_FAILURES: u32 = 100;
const MOST_DEVICE_FAILURES: u32 = 100;
const MOST_DEVICE_FAILURES_IN_A_ROW: u32 = 10;

impl World {
    /// Fails at an address, from no known device, until so many attempts were checked, however long it takes.
    async fn fail_as_a_stranger(&self, email: &str, failures: u32) {
        let mut failed = 0;
        while failed < failures {
            match self.login(email, OTHER).await.reason() {
                Some(Reason::InvalidCredentials) => failed += 1,
                Some(Reason::TooManyAttempts) => self.clock.advance(LONGEST_WAIT),
                other => panic!("{other:?}"),
            }
        }
        self.clock.advance(LONGEST_WAIT + 1);
    }

    /// Fails on a device as often.
    async fn fail_on(&self, email: &str, device: &str, failures: u32) {
        for _failure in 0..failures {
            let refused = self.login_on(email, OTHER, device).await;
            assert_eq!(refused.reason(), Some(Reason::InvalidCredentials));
            self.clock.advance(LONGEST_WAIT + 1);
        }
    }

    /// Makes a stranger's next attempt wait.
    async fn make_strangers_wait(&self, email: &str) {
        while self.login(email, OTHER).await.reason() != Some(Reason::TooManyAttempts) {}
    }
}

#[tokio::test]
async fn only_callers_that_send_the_field_get_a_device_token() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let answer = to_json::<Login>(&world.login(ADA, PASSWORD).await);
    assert_eq!(answer.as_object().expect("an object").len(), 3, "what the sample's callers always saw: {answer}");
    let answer = to_json::<Login>(&world.login_on(ADA, PASSWORD, "").await);
    assert!(answer["device"].is_string(), "{answer}");
    assert_eq!(answer.as_object().expect("an object").len(), 4, "{answer}");
    let null = world.call::<Login>(json!({ "email": ADA, "password": PASSWORD, "device": null })).await;
    assert!(to_json::<Login>(&null.expect("no fault")).get("device").is_none(), "null is not sent");
}

#[tokio::test]
async fn a_known_device_gets_in_while_strangers_keep_guessing() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let mine = world.known_device(ADA, PASSWORD).await;
    for _hour in 0..5 {
        world.make_strangers_wait(ADA).await;
        assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::TooManyAttempts), "an unknown one waits");
        identity(&world.login_on(ADA, PASSWORD, &mine).await);
        world.clock.advance(HOUR);
    }
    world.make_strangers_wait(ADA).await;
    let changed = new_device(&world.change_on(ADA, PASSWORD, OTHER, &mine).await);
    identity(&world.login_on(ADA, OTHER, &changed).await);
}

#[tokio::test]
async fn a_device_stays_the_same_one_over_logins_and_changes_and_has_a_throttle_of_its_own() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let first = world.known_device(ADA, PASSWORD).await;
    assert_eq!(device(&world.login_on(ADA, PASSWORD, &first).await), first, "the same device, the same token");
    assert_ne!(world.known_device(ADA, PASSWORD).await, first, "another device");
    for _attempt in 2..=FREE_ATTEMPTS {
        world.login_on(ADA, OTHER, &first).await;
    }
    let refused = world.login_on(ADA, PASSWORD, &first).await;
    assert_eq!(refused.reason(), Some(Reason::TooManyAttempts), "nothing is given back for a success here either");
    identity(&world.login(ADA, PASSWORD).await);
}

#[tokio::test]
async fn after_ten_failures_in_a_row_a_device_counts_as_unknown_until_it_logs_in() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let mine = world.known_device(ADA, PASSWORD).await;
    world.fail_on(ADA, &mine, MOST_DEVICE_FAILURES_IN_A_ROW - 1).await;
    // A success begins the row anew.
    assert_eq!(device(&world.login_on(ADA, PASSWORD, &mine).await), mine);
    world.clock.advance(HOUR);
    world.fail_on(ADA, &mine, MOST_DEVICE_FAILURES_IN_A_ROW).await;
    world.make_strangers_wait(ADA).await;
    assert_eq!(world.login_on(ADA, PASSWORD, &mine).await.reason(), Some(Reason::TooManyAttempts), "as an unknown one");
    world.clock.advance(LONGEST_WAIT + 1);
    let again = device(&world.login_on(ADA, PASSWORD, &mine).await);
    world.make_strangers_wait(ADA).await;
    identity(&world.login_on(ADA, PASSWORD, &again).await);
}

#[tokio::test]
async fn known_devices_together_fail_a_hundred_times_with_one_password() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let spare = world.known_device(ADA, PASSWORD).await;
    let mut failures = 0;
    while failures < MOST_DEVICE_FAILURES {
        let other = world.known_device(ADA, PASSWORD).await;
        world.fail_on(ADA, &other, MOST_DEVICE_FAILURES_IN_A_ROW).await;
        failures += MOST_DEVICE_FAILURES_IN_A_ROW;
    }
    world.make_strangers_wait(ADA).await;
    assert_eq!(
        world.login_on(ADA, PASSWORD, &spare).await.reason(),
        Some(Reason::TooManyAttempts),
        "as an unknown one"
    );
    // A new password begins this count anew too.
    world.clock.advance(LONGEST_WAIT + 1);
    let changed = new_device(&world.change_on(ADA, PASSWORD, OTHER, &spare).await);
    world.login(ADA, PASSWORD).await;
    while world.login(ADA, PASSWORD).await.reason() != Some(Reason::TooManyAttempts) {}
    identity(&world.login_on(ADA, OTHER, &changed).await);
}

#[tokio::test]
async fn every_new_password_voids_the_devices_of_the_one_before() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let stolen = world.known_device(ADA, PASSWORD).await;
    let changed = new_device(&world.change_on(ADA, PASSWORD, OTHER, "").await);
    drop(world.mails().await);
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
    let reset = new_device(&world.reset_on(ADA, &lost, THIRD, &changed).await);
    world.make_strangers_wait(ADA).await;
    for void in [&stolen, &changed] {
        assert_eq!(world.login_on(ADA, THIRD, void).await.reason(), Some(Reason::TooManyAttempts));
    }
    identity(&world.login_on(ADA, THIRD, &reset).await);
}

#[tokio::test]
async fn a_renewed_hash_is_the_same_password_and_keeps_its_devices() {
    let world = World::default();
    world.users.insert(Email::parse(ADA).expect("an address"), legacy_user(true, None));
    let mine = world.known_device(ADA, "wonderland").await;
    assert!(matches!(world.user(ADA).expect("stored").password, StoredHash::Encoded(_)), "renewed");
    world.make_strangers_wait(ADA).await;
    identity(&world.login_on(ADA, "wonderland", &mine).await);
}

#[tokio::test]
async fn a_malformed_foreign_or_void_token_is_as_none_known_address_or_not() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.verified("eve@example.com", PASSWORD).await;
    let foreign = world.known_device("eve@example.com", PASSWORD).await;
    let void = world.known_device(ADA, PASSWORD).await;
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await, DONE);
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await, DONE);
    world.clock.advance(24 * HOUR);
    let long = "A".repeat(2_000);
    let mut told = Vec::new();
    for address in [ADA, NOBODY] {
        for token in ["", "no token", &long, &foreign] {
            let answer = to_json::<Login>(&world.login_on(address, THIRD, token).await);
            told.push((answer, world.record.borrow().steps.clone()));
            world.clock.advance(HOUR);
        }
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    // A token that was made for the address is looked at before the attempt is counted, whether or not the address still has
    // an account.
    let before = world.login_on(ADA, THIRD, &void).await;
    let steps_before = world.record.borrow().steps.clone();
    world.users.remove(&Email::parse(ADA).expect("an address"));
    world.clock.advance(HOUR);
    let after = world.login_on(ADA, THIRD, &void).await;
    assert_eq!((before, steps_before), (after, world.record.borrow().steps.clone()));
}

#[tokio::test]
async fn an_address_that_changed_hands_knows_none_of_the_former_owners_devices() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let formers = world.known_device(ADA, PASSWORD).await;
    let user = world.user(ADA).expect("stored");
    let next = User { user_id: UserId::from_stored("another".to_owned()), ..user };
    world.users.insert(Email::parse(ADA).expect("an address"), next);
    world.make_strangers_wait(ADA).await;
    assert_eq!(world.login_on(ADA, PASSWORD, &formers).await.reason(), Some(Reason::TooManyAttempts));
}

#[tokio::test]
async fn a_former_key_still_reads_and_a_key_that_is_gone_does_not() {
    let mut world = World::default();
    world.verified(ADA, PASSWORD).await;
    let old = world.known_device(ADA, PASSWORD).await;
    // Thirty-two bytes of one and of two in base64.
    let (one, two) =
        ("a:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "b:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
    world.services.device_keys = KeyRing::parse(&format!("{two},{one}")).expect("a ring");
    world.make_strangers_wait(ADA).await;
    let renewed = device(&world.login_on(ADA, PASSWORD, &old).await);
    assert_ne!(renewed, old, "written with the new key, for the same device");
    world.services.device_keys = KeyRing::of("b", Key::from([2; 32]));
    identity(&world.login_on(ADA, PASSWORD, &renewed).await);
    assert_eq!(world.login_on(ADA, PASSWORD, &old).await.reason(), Some(Reason::TooManyAttempts));
}

#[tokio::test]
async fn past_a_hundred_failures_an_unknown_device_is_told_nothing_even_with_the_right_password() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let mine = world.known_device(ADA, PASSWORD).await;
    drop(world.mails().await);
    // The pauses do not matter, and neither do successes in between.
    world.fail_as_a_stranger(ADA, MOST_FAILURES / 2).await;
    identity(&world.login(ADA, PASSWORD).await);
    world.fail_as_a_stranger(ADA, MOST_FAILURES / 2 - 1).await;
    world.clock.advance(30 * 24 * HOUR);
    identity(&world.login(ADA, PASSWORD).await);
    world.clock.advance(LONGEST_WAIT);
    world.fail_as_a_stranger(ADA, 1).await;
    let wrong = world.login(ADA, OTHER).await;
    world.clock.advance(HOUR);
    let right = world.login(ADA, PASSWORD).await;
    assert_eq!(right.reason(), Some(Reason::InvalidCredentials));
    assert_eq!(right, wrong, "told alike");
    assert_eq!(world.record.borrow().detail, Some("closed"), "the operator learns of it");
    world.clock.advance(HOUR);
    let changed = world.change_password(ADA, PASSWORD, THIRD).await;
    assert_eq!(changed.reason(), Some(Reason::InvalidCredentials), "nor does it change the password");
    identity(&world.login_on(ADA, PASSWORD, &mine).await);
}

#[tokio::test]
async fn an_address_without_an_account_closes_alike() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    drop(world.mails().await);
    let mut told = Vec::new();
    for address in [ADA, NOBODY] {
        world.fail_as_a_stranger(address, MOST_FAILURES + 3).await;
        let classes: Vec<_> = world.mailer.take_requests().iter().map(|request| request.class).collect();
        world.clock.advance(24 * HOUR);
        // The right password of the one, and any of the other.
        let answers = [world.login(address, PASSWORD).await, world.login(address, PASSWORD).await];
        told.push((classes, answers, world.record.borrow().steps.clone()));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn an_unverified_account_closes_alike_and_does_not_say_that_it_is_not_verified() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    for _login in 0..=MOST_FAILURES {
        assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::NotVerified), "no failures");
        world.clock.advance(LONGEST_WAIT + 1);
    }
    world.fail_as_a_stranger(ADA, MOST_FAILURES).await;
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
}

#[tokio::test]
async fn the_owner_of_a_closed_account_is_mailed_once() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    drop(world.mails().await);
    world.fail_as_a_stranger(ADA, MOST_FAILURES - 1).await;
    let closed = |world: &World| {
        let requests = world.mailer.take_requests();
        requests.iter().filter(|request| request.template == Some(MailTemplate::PasswordClosed)).count()
    };
    assert_eq!(closed(&world), 0);
    world.login(ADA, OTHER).await;
    let mails = world.mails().await;
    assert!(mails.last().expect("a mail").text.contains("a hundred wrong passwords"), "{mails:?}");
    world.clock.advance(HOUR);
    world.fail_as_a_stranger(ADA, MOST_FAILURES).await;
    assert_eq!(closed(&world), 0);
}

#[tokio::test]
async fn a_new_password_reopens_a_closed_account() {
    for by_reset in [true, false] {
        let world = World::default();
        world.verified(ADA, PASSWORD).await;
        let mine = world.known_device(ADA, PASSWORD).await;
        world.fail_as_a_stranger(ADA, MOST_FAILURES).await;
        world.clock.advance(HOUR);
        assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
        drop(world.mails().await);
        if by_reset {
            world.lost_password(ADA).await.expect("no fault");
            let lost = world.mailed_token().await;
            assert_eq!(world.reset_password(ADA, &lost, THIRD).await, DONE);
        } else {
            new_device(&world.change_on(ADA, PASSWORD, THIRD, &mine).await);
        }
        world.clock.advance(HOUR);
        identity(&world.login(ADA, THIRD).await);
        // And the count begins anew.
        world.fail_as_a_stranger(ADA, MOST_FAILURES - 1).await;
        identity(&world.login(ADA, THIRD).await);
    }
}

#[tokio::test]
async fn guesses_at_an_address_before_it_has_an_account_do_not_close_the_account() {
    let world = World::default();
    world.fail_as_a_stranger(ADA, MOST_FAILURES).await;
    drop(world.mails().await);
    world.clock.advance(24 * HOUR);
    assert_eq!(world.create_user(ADA, PASSWORD).await, Ok(DONE));
    let link = world.mailed_token().await;
    assert_eq!(
        world.login(ADA, PASSWORD).await.reason(),
        Some(Reason::InvalidCredentials),
        "a sign-up forgets nothing"
    );
    assert_eq!(world.verify_user(ADA, &link).await, DONE);
    identity(&world.login(ADA, PASSWORD).await);
    // Nor does a second click.
    world.fail_as_a_stranger(ADA, MOST_FAILURES / 2).await;
    assert_eq!(world.verify_user(ADA, &link).await, DONE);
    world.fail_as_a_stranger(ADA, MOST_FAILURES / 2).await;
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
}

#[tokio::test]
async fn failures_are_remembered_for_400_days_after_the_latest_attempt() {
    const DAYS: u64 = 400 * 24 * HOUR;
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.fail_as_a_stranger(ADA, MOST_FAILURES).await;
    world.clock.advance(DAYS - HOUR);
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
    world.clock.advance(DAYS + 1);
    identity(&world.login(ADA, PASSWORD).await);
}

#[tokio::test]
async fn a_reset_ends_the_wait_of_callers_without_devices_and_of_no_others() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for (sends_device, expected) in [(false, None), (true, Some(Reason::TooManyAttempts))] {
        world.make_strangers_wait(ADA).await;
        drop(world.mails().await);
        world.wait();
        world.make_strangers_wait(ADA).await;
        world.lost_password(ADA).await.expect("no fault");
        let lost = world.mailed_token().await;
        if sends_device {
            let mine = new_device(&world.reset_on(ADA, &lost, PASSWORD, "").await);
            identity(&world.login_on(ADA, PASSWORD, &mine).await);
        } else {
            assert_eq!(world.reset_password(ADA, &lost, PASSWORD).await, DONE);
        }
        assert_eq!(world.login(ADA, PASSWORD).await.reason(), expected);
    }
}

#[tokio::test]
async fn nothing_that_a_device_does_shows_at_the_throttle_of_its_address() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let mine = world.known_device(ADA, PASSWORD).await;
    world.clock.advance(24 * HOUR);
    world.fail_on(ADA, &mine, 2).await;
    identity(&world.login_on(ADA, PASSWORD, &mine).await);
    let mut checked = 0;
    while world.login(ADA, OTHER).await.reason() == Some(Reason::InvalidCredentials) {
        checked += 1;
    }
    assert_eq!(checked, FREE_ATTEMPTS);
}

#[tokio::test]
async fn a_device_token_is_in_no_debug_output() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let answer = world.login_on(ADA, PASSWORD, "").await;
    let Outcome::Success(success) = &answer else { panic!("{answer:?}") };
    let token = success.device.as_ref().expect("a token").as_str();
    assert!(!format!("{answer:?}").contains(token));
}
