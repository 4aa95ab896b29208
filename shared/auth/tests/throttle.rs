//! What the throttles on attempts and mail permit, with the services in memory.

mod world;

use latchkey_auth::delivery::{Delivery, SendError};
use latchkey_auth::throttle::{FORGOTTEN_AFTER, FREE_ATTEMPTS, LONGEST_WAIT};
use latchkey_auth::{Cause, Clock, MailTemplate, Outcome, Reason};
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
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
        let refused = retry_after(&world.login(ADA, OTHER).await);
        // One second more than the wait, since times are whole seconds.
        assert_eq!(refused, wait + 1);
        world.clock.advance(refused - 1);
        assert_eq!(retry_after(&world.login(ADA, OTHER).await), 1);
        world.clock.advance(1);
        assert_eq!(world.attempt_until_throttled(ADA).await, 1);
    }
    // From here on attempts are forgotten while others wait.
    for _attempt in 0..20 {
        let refused = retry_after(&world.login(ADA, OTHER).await);
        assert!((256..=LONGEST_WAIT).contains(&refused), "{refused}");
        world.clock.advance(refused - 1);
        assert_eq!(retry_after(&world.login(ADA, OTHER).await), 1);
        world.clock.advance(1);
        assert_eq!(world.attempt_until_throttled(ADA).await, 1);
    }
}

#[tokio::test]
async fn whoever_never_rests_gets_109_attempts_on_the_first_day() {
    let world = World::default();
    let (began, mut checked) = (world.now(), 0);
    while world.now().since(began) < 24 * HOUR {
        checked += world.attempt_until_throttled(ADA).await;
        let refused = retry_after(&world.login(ADA, OTHER).await);
        world.clock.advance(refused);
    }
    assert_eq!(checked, 109);
}

#[tokio::test]
async fn a_success_gives_nothing_back_so_that_a_throttle_shows_nothing_but_attempts_and_time() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.clock.advance(24 * HOUR);
    // Of two addresses with as many attempts at the same times, nobody can tell where somebody logged in.
    for _round in 0..3 {
        let mut waits = Vec::new();
        for (address, password) in [(ADA, PASSWORD), (NOBODY, OTHER)] {
            world.login(address, OTHER).await;
            world.login(address, OTHER).await;
            world.login(address, password).await;
            waits.push(world.attempt_until_throttled(address).await);
        }
        assert_eq!(waits, [FREE_ATTEMPTS - 3; 2]);
        world.clock.advance(u64::from(FREE_ATTEMPTS) * FORGOTTEN_AFTER);
    }
    // Nor where somebody changed the password.
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await, DONE);
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await, DONE);
    assert_eq!(world.attempt_until_throttled(ADA).await, FREE_ATTEMPTS - 2);
}

#[tokio::test]
async fn one_attempt_is_forgotten_every_quarter_of_an_hour() {
    let world = World::default();
    for (hours_passed, checked) in [(0, FREE_ATTEMPTS), (1, FREE_ATTEMPTS), (2, FREE_ATTEMPTS)] {
        assert_eq!(world.attempt_until_throttled(ADA).await, checked, "after {hours_passed} hours");
        world.clock.advance(HOUR);
    }
    world.attempt_until_throttled(ADA).await;
    world.clock.advance(FORGOTTEN_AFTER - 1);
    assert_eq!(world.attempt_until_throttled(ADA).await, 1, "four are remembered, and their wait is over");
    world.clock.advance(2 * FORGOTTEN_AFTER);
    assert_eq!(world.attempt_until_throttled(ADA).await, 1, "three are");
}

#[tokio::test]
async fn attempts_cannot_keep_out_an_owner_who_resets_by_mail() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.attempt_until_throttled(ADA).await;
    for _attempt in 0..50 {
        world.reset_password(ADA, "not-the-token", OTHER).await;
    }
    drop(world.mails().await);
    world.lost_password(ADA).await.expect("no fault");
    assert_eq!(world.reset_password(ADA, &world.mailed_token().await, OTHER).await, DONE);
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn the_owner_hears_of_wrong_passwords_when_the_waiting_begins_and_for_nobody_the_same_is_handed_over() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for (address, template) in [(ADA, Some(MailTemplate::WrongPasswords)), (NOBODY, None)] {
        world.attempt_until_throttled(address).await;
        let requests = world.mailer.take_requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].template, template);
    }
}

#[tokio::test]
async fn whoever_keeps_guessing_causes_one_notice_a_day() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    drop(world.mails().await);
    let (began, mut sent) = (world.now(), 0);
    // Below a hundred failures, after which there is a notice of another kind.
    while world.now().since(began) < 20 * HOUR {
        world.attempt_until_throttled(ADA).await;
        world.clock.advance(LONGEST_WAIT + 1);
        sent += world.mails().await.len();
    }
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn a_mailbox_that_nobody_has_proven_hears_of_no_attempts() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    drop(world.mails().await);
    world.attempt_until_throttled(ADA).await;
    assert_eq!(world.mailer.take_requests()[0].template, None);
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
    let verify = world.mailed_token().await;
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
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
async fn an_address_gets_one_mail_a_minute_for_each_purpose_known_or_not() {
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
        assert_eq!(world.mailer.take_requests().len(), 2);
    }
    world.clock.advance(HOUR + 1);
    world.create_user(NOBODY, PASSWORD).await.expect("no fault");
    let again = world.create_user(NOBODY, OTHER).await.expect("no fault");
    assert_eq!(again.reason(), Some(Reason::TooManyMails));
    assert_eq!(world.login(NOBODY, PASSWORD).await.reason(), Some(Reason::NotVerified), "nothing was stored");
}

#[tokio::test]
async fn an_address_gets_five_mails_an_hour_of_each_purpose_and_none_spends_another() {
    let world = World::default();
    let (mut sign_ups, mut resets) = (0, 0);
    for _minute in 0..58 {
        world.wait();
        sign_ups += u32::from(world.create_user(ADA, OTHER).await == Ok(DONE));
        resets += u32::from(world.lost_password(ADA).await == Ok(DONE));
    }
    assert_eq!((sign_ups, resets), (5, 5), "within 59 minutes");
    let refused = world.lost_password(ADA).await.expect("no fault");
    world.clock.advance(retry_after(&refused));
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
}

#[tokio::test]
async fn strangers_who_sign_up_with_an_address_take_no_reset_from_its_owner() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let tagged = ["ada+1@example.com", "ada+2@example.com", "ada+3@example.com", "ada+4@example.com"];
    for address in tagged {
        world.wait();
        assert_eq!(world.create_user(address, OTHER).await, Ok(DONE));
    }
    world.wait();
    let sixth = world.create_user("ada+5@example.com", OTHER).await.expect("no fault");
    assert_eq!(sixth.reason(), Some(Reason::TooManyMails), "tags are one mailbox");
    drop(world.mails().await);
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
    assert_eq!(world.reset_password(ADA, &world.mailed_token().await, OTHER).await, DONE);
}

#[tokio::test]
async fn a_password_is_changed_five_times_an_hour_at_most() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for (old, new) in [(PASSWORD, OTHER), (OTHER, PASSWORD)].into_iter().cycle().take(5) {
        assert_eq!(world.change_password(ADA, old, new).await, DONE);
        // The attempts wait too.
        world.clock.advance(10);
    }
    let refused = world.change_password(ADA, OTHER, PASSWORD).await;
    assert_eq!((refused.reason(), retry_after(&refused)), (Some(Reason::TooManyAttempts), HOUR + 1 - 50));
    world.clock.advance(10);
    identity(&world.login(ADA, OTHER).await);
    world.clock.advance(HOUR + 1);
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await, DONE);
}

#[tokio::test]
async fn a_mail_that_is_refused_voids_no_link() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.lost_password(ADA).await.expect("no fault");
    let token = world.mailed_token().await;
    assert_eq!(world.lost_password(ADA).await.expect("no fault").reason(), Some(Reason::TooManyMails));
    assert_eq!(world.reset_password(ADA, &token, OTHER).await, DONE);
}

#[tokio::test]
async fn a_mail_that_could_not_be_handed_over_can_be_asked_for_again_at_once_and_does_not_count() {
    let world = World::default();
    for _try in 0..10 {
        world.mailer.fail(true);
        world.create_user(ADA, PASSWORD).await.expect_err("the outbox fails");
        world.lost_password(ADA).await.expect_err("the outbox fails");
        world.mailer.fail(false);
    }
    assert_eq!(world.create_user(ADA, PASSWORD).await, Ok(DONE));
    world.users.fail(true);
    world.lost_password(ADA).await.expect_err("the table fails");
    world.users.fail(false);
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
}

#[tokio::test]
async fn a_mail_that_was_given_up_can_be_asked_for_again_at_once() {
    let world = World::default();
    let refusal = || SendError::Refused(Cause::code("MessageRejected"));
    for _try in 0..10 {
        assert_eq!(world.create_user(ADA, PASSWORD).await, Ok(DONE));
        assert_eq!(world.lost_password(ADA).await, Ok(DONE));
        world.mailer.fail_sending(Some(refusal()));
        let ends = world.services.deliver().await;
        assert_eq!(ends, vec![Ok(Delivery::Undelivered(Cause::code("MessageRejected"))); 2]);
    }
    world.mailer.fail_sending(None);
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
    assert_eq!(world.reset_password(ADA, &world.mailed_token().await, OTHER).await, DONE);
}

#[tokio::test]
async fn a_mail_that_the_mailer_could_not_take_is_tried_again_and_spends_its_limits_once() {
    let mut world = World::default();
    world.services.budgets.sign_ups = 1;
    world.mailer.fail_sending(Some(SendError::Unavailable(Cause::code("timeout"))));
    assert_eq!(world.create_user(ADA, PASSWORD).await, Ok(DONE));
    for _attempt in 0..3 {
        assert!(world.services.deliver().await[0].is_err());
    }
    world.mailer.fail_sending(None);
    assert_eq!(world.services.deliver().await, [Ok(Delivery::Sent)]);
}

#[tokio::test]
async fn the_whole_service_mails_so_many_sign_ups_an_hour_and_no_answer_tells() {
    let mut world = World::default();
    world.services.budgets.sign_ups = 2;
    world.verified(ADA, PASSWORD).await;
    for (address, end) in [
        ("a@example.com", Delivery::Sent),
        ("b@example.com", Delivery::OverBudget),
        ("c@example.com", Delivery::OverBudget),
    ] {
        assert_eq!(world.create_user(address, PASSWORD).await, Ok(DONE));
        assert_eq!(world.services.deliver().await, [Ok(end)]);
    }
    // Nobody is stranded: what was not sent can be asked for again, and resets go out all the time.
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
    assert_eq!(world.services.deliver().await, [Ok(Delivery::Sent)]);
    world.clock.advance(HOUR);
    assert_eq!(world.create_user("b@example.com", PASSWORD).await, Ok(DONE));
    assert_eq!(world.services.deliver().await, [Ok(Delivery::Sent)]);
}

#[tokio::test]
async fn an_owner_is_told_once_a_day_of_an_account_that_is_there() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for end in [Delivery::Sent, Delivery::HeldBack, Delivery::HeldBack] {
        world.wait();
        assert_eq!(world.create_user(ADA, OTHER).await, Ok(DONE));
        assert_eq!(world.services.deliver().await, [Ok(end)]);
    }
    world.clock.advance(24 * HOUR + 1);
    assert_eq!(world.create_user(ADA, OTHER).await, Ok(DONE));
    assert_eq!(world.services.deliver().await, [Ok(Delivery::Sent)]);
}

#[tokio::test]
async fn a_budget_that_is_used_up_tells_nobody_who_has_an_account() {
    let mut world = World::default();
    world.services.budgets.sign_ups = 2;
    world.verified(ADA, PASSWORD).await;
    world.wait();
    // Her one notice of the day, which is also the last mail of the hour.
    assert_eq!(world.create_user(ADA, OTHER).await, Ok(DONE));
    assert_eq!(world.services.deliver().await, [Ok(Delivery::Sent)]);
    let mut answers = Vec::new();
    for address in [ADA, NOBODY] {
        world.wait();
        assert_eq!(world.create_user(address, OTHER).await, Ok(DONE));
        assert_eq!(world.services.deliver().await, [Ok(Delivery::OverBudget)]);
        answers.push(world.create_user(address, OTHER).await);
        drop(world.services.deliver().await);
    }
    assert_eq!(answers[0], answers[1]);
    // No mail came of it, so whoever asks again is not made to wait.
    assert_eq!(answers[0], Ok(DONE));
}

#[tokio::test]
async fn a_notice_that_is_held_back_takes_nothing_from_the_budget() {
    let mut world = World::default();
    world.services.budgets.sign_ups = 3;
    world.verified(ADA, PASSWORD).await;
    for end in [Delivery::Sent, Delivery::HeldBack, Delivery::HeldBack] {
        world.wait();
        assert_eq!(world.create_user(ADA, OTHER).await, Ok(DONE));
        assert_eq!(world.services.deliver().await, [Ok(end)]);
    }
    assert_eq!(world.create_user(NOBODY, PASSWORD).await, Ok(DONE));
    assert_eq!(world.services.deliver().await, [Ok(Delivery::Sent)]);
}

/// Ways to write addresses of one mailbox, of which nobody verified any.
const ALIASES: [&str; 8] = [
    "ada+1@example.com",
    "ada+2@example.com",
    "\"ada+3\"@example.com",
    "\"ada\"@example.com",
    "\"a\\da\"@example.com",
    "ada+4@example.com",
    "ada+5@example.com",
    "ada+6@example.com",
];

#[tokio::test]
async fn aliases_that_strangers_signed_up_bring_a_mailbox_no_more_resets_than_one_address_does() {
    let world = World::default();
    for address in ALIASES {
        world.clock.advance(HOUR);
        assert_eq!(world.create_user(address, PASSWORD).await, Ok(DONE));
        drop(world.mails().await);
    }
    for address in [ADA, "ada+mine@example.com"] {
        world.wait();
        world.verified(address, PASSWORD).await;
    }
    let mut sent = 0;
    for _round in 0..5 {
        world.wait();
        for address in ALIASES {
            assert_eq!(world.lost_password(address).await, Ok(DONE), "the answer is the same");
        }
        sent += world.mails().await.len();
    }
    assert_eq!(sent, 5);
    // What the owner verified has its own way back.
    for address in [ADA, "ada+mine@example.com"] {
        assert_eq!(world.lost_password(address).await, Ok(DONE));
        assert_eq!(world.mails().await.len(), 1);
    }
    world.clock.advance(HOUR + 1);
    assert_eq!(world.lost_password(ALIASES[0]).await, Ok(DONE));
    assert_eq!(world.reset_password(ALIASES[0], &world.mailed_token().await, OTHER).await, DONE);
}

#[tokio::test]
async fn whoever_resets_again_and_again_gets_one_mail_a_minute() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let (mut resets, began) = (0, world.now());
    while world.now().since(began) < 10 * 60 {
        if world.lost_password(ADA).await == Ok(DONE) {
            assert_eq!(world.reset_password(ADA, &world.mailed_token().await, OTHER).await, DONE);
            drop(world.mails().await);
            resets += 1;
        }
        world.clock.advance(1);
    }
    // After more than five, so the rest of the quota was given back.
    assert_eq!(resets, 10);
}
