//! What the throttles on attempts and mail permit, with the services in memory.

mod world;

use latchkey_auth::services::SendMail;
use latchkey_auth::throttle::{FREE_ATTEMPTS, LONGEST_WAIT};
use latchkey_auth::{Outcome, Reason};
use world::{ADA, DONE, HOUR, OTHER, PASSWORD, World, identity};

const NOBODY: &str = "nobody@example.com";

impl World {
    /// Tries wrong passwords until an attempt is throttled, and returns how many were checked.
    async fn attempt_until_throttled(&self, email: &str) -> u32 {
        for checked in 0..100 {
            match self.login(email, OTHER).await.reason() {
                Some(Reason::InvalidCredentials) => {}
                Some(Reason::TooManyAttempts) => return checked,
                other => panic!("{other:?}"),
            }
        }
        panic!("a hundred attempts were checked")
    }
}

fn retry_after<T: std::fmt::Debug>(outcome: &Outcome<T>) -> u64 {
    let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    refusal.retry_after().expect("a throttled request says how long")
}

#[tokio::test]
async fn four_attempts_are_free_and_the_next_is_not_checked_whatever_its_password() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    assert_eq!(world.attempt_until_throttled(ADA).await, FREE_ATTEMPTS);
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::TooManyAttempts), "the right one neither");
    assert_eq!(
        world.change_password(ADA, PASSWORD, OTHER).await.reason(),
        Some(Reason::TooManyAttempts),
        "nor elsewhere"
    );
}

#[tokio::test]
async fn an_address_without_an_account_is_throttled_alike() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for _round in 0..6 {
        assert_eq!(world.attempt_until_throttled(ADA).await, world.attempt_until_throttled(NOBODY).await);
        let (known, unknown) = (world.login(ADA, OTHER).await, world.login(NOBODY, OTHER).await);
        assert_eq!(known, unknown);
        world.clock.advance(retry_after(&known));
    }
}

#[tokio::test]
async fn the_wait_doubles_up_to_a_quarter_of_an_hour_and_a_refused_attempt_does_not_prolong_it() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.attempt_until_throttled(ADA).await;
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST_WAIT, LONGEST_WAIT] {
        let refused = retry_after(&world.login(ADA, OTHER).await);
        // One second more than the wait, since times are whole seconds.
        assert_eq!(refused, wait + 1);
        world.clock.advance(refused - 1);
        assert_eq!(retry_after(&world.login(ADA, OTHER).await), 1);
        world.clock.advance(1);
        assert_eq!(world.attempt_until_throttled(ADA).await, 1);
    }
}

#[tokio::test]
async fn a_success_begins_the_count_anew() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for _round in 0..3 {
        for _attempt in 1..FREE_ATTEMPTS {
            world.login(ADA, OTHER).await;
        }
        identity(&world.login(ADA, PASSWORD).await);
    }
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await, DONE);
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await, DONE);
    assert_eq!(world.attempt_until_throttled(ADA).await, FREE_ATTEMPTS);
}

#[tokio::test]
async fn a_day_without_an_attempt_begins_the_count_anew() {
    let world = World::default();
    world.attempt_until_throttled(ADA).await;
    world.clock.advance(24 * HOUR);
    assert_eq!(world.attempt_until_throttled(ADA).await, 1, "the count goes on");
    world.clock.advance(24 * HOUR + 1);
    assert_eq!(world.attempt_until_throttled(ADA).await, FREE_ATTEMPTS);
}

#[tokio::test]
async fn attempts_cannot_keep_out_an_owner_who_resets_by_mail() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.attempt_until_throttled(ADA).await;
    for _attempt in 0..50 {
        world.reset_password(ADA, "not-the-token", OTHER).await;
    }
    drop(world.mailer.take());
    world.lost_password(ADA).await.expect("no fault");
    assert_eq!(world.reset_password(ADA, &world.mailed_token(), OTHER).await, DONE);
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn the_owner_hears_of_wrong_passwords_once_and_for_nobody_the_mail_goes_to_the_decoy_recipient() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for (address, recipient) in [(ADA, ADA), (NOBODY, world.decoy_recipient().as_str())] {
        for _round in 0..4 {
            world.attempt_until_throttled(address).await;
            world.clock.advance(LONGEST_WAIT + 1);
        }
        let mails = world.mailer.take();
        assert_eq!(mails.len(), 1, "once in a count");
        assert_eq!(mails[0].to.as_str(), recipient);
        assert!(mails[0].subject.contains("Wrong passwords"));
    }
}

#[tokio::test]
async fn a_mailbox_that_nobody_has_proven_hears_of_no_attempts() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    drop(world.mailer.take());
    world.attempt_until_throttled(ADA).await;
    let mails = world.mailer.take();
    assert_eq!(mails.len(), 1, "as for any other address");
    assert_eq!(mails[0].to, world.decoy_recipient());
}

#[tokio::test]
async fn an_attempt_is_answered_alike_although_the_owner_could_not_be_told() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.mailer.fail(true);
    assert_eq!(world.attempt_until_throttled(ADA).await, FREE_ATTEMPTS);
}

#[tokio::test]
async fn attempts_at_tokens_are_throttled_and_the_right_token_is_not() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let verify = world.mailed_token();
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token();
    for attempt in 1..10 {
        let expected = if attempt <= FREE_ATTEMPTS { Reason::InvalidToken } else { Reason::TooManyAttempts };
        for address in [ADA, NOBODY] {
            assert_eq!(world.verify_user(address, "not-the-token").await.reason(), Some(expected));
            assert_eq!(world.reset_password(address, "not-the-token", OTHER).await.reason(), Some(expected));
        }
    }
    assert_eq!(world.verify_user(ADA, &verify).await, DONE);
    assert_eq!(world.reset_password(ADA, &lost, OTHER).await, DONE);
}

#[tokio::test]
async fn an_address_gets_one_mail_a_minute_for_each_occasion_known_or_not() {
    let world = World::default();
    for address in [ADA, NOBODY] {
        if address == ADA {
            world.verified(ADA, PASSWORD).await;
        }
        assert_eq!(world.lost_password(address).await, Ok(DONE));
        let refused = world.lost_password(address).await.expect("no fault");
        assert_eq!((refused.reason(), retry_after(&refused)), (Some(Reason::TooManyMails), 61));
        world.clock.advance(61);
        assert_eq!(world.lost_password(address).await, Ok(DONE));
        assert_eq!(world.mailer.take().len(), 2);
    }
    world.clock.advance(HOUR + 1);
    world.create_user(NOBODY, PASSWORD).await.expect("no fault");
    let again = world.create_user(NOBODY, OTHER).await.expect("no fault");
    assert_eq!(again.reason(), Some(Reason::TooManyMails));
    assert_eq!(world.login(NOBODY, PASSWORD).await.reason(), Some(Reason::NotVerified), "nothing was stored");
}

#[tokio::test]
async fn an_address_gets_five_mails_an_hour_of_all_occasions() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let mut sent = 1;
    for _minute in 0..58 {
        world.wait();
        for answer in [world.create_user(ADA, OTHER).await, world.lost_password(ADA).await] {
            sent += u32::from(answer.expect("no fault") == DONE);
        }
    }
    assert_eq!(sent, 5, "within 59 minutes");
    let refused = world.lost_password(ADA).await.expect("no fault");
    world.clock.advance(retry_after(&refused));
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
}

#[tokio::test]
async fn a_mail_that_is_refused_voids_no_link() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.lost_password(ADA).await.expect("no fault");
    let token = world.mailed_token();
    assert_eq!(world.lost_password(ADA).await.expect("no fault").reason(), Some(Reason::TooManyMails));
    assert_eq!(world.reset_password(ADA, &token, OTHER).await, DONE);
}

#[tokio::test]
async fn a_mail_that_failed_can_be_asked_for_again_at_once_and_does_not_count() {
    let world = World::default();
    for _try in 0..10 {
        world.mailer.fail(true);
        world.create_user(ADA, PASSWORD).await.expect_err("the mailer fails");
        world.lost_password(ADA).await.expect_err("the mailer fails");
        world.mailer.fail(false);
    }
    assert_eq!(world.create_user(ADA, PASSWORD).await, Ok(DONE));
    world.users.fail(true);
    world.lost_password(ADA).await.expect_err("the table fails");
    world.users.fail(false);
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
}
