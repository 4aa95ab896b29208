//! What the limits on guesses and on mails let through, with the services in memory.

mod world;

use latchkey_auth::limits::{FREE_ATTEMPTS, LONGEST_WAIT};
use latchkey_auth::{Answer, Mailer, Reason};
use world::{ADA, HOUR, OTHER, PASSWORD, World, identity};

const NOBODY: &str = "nobody@example.com";

impl World {
    /// Guesses wrong until a guess is no longer judged; how many were.
    async fn guess_until_refused(&self, email: &str) -> u32 {
        for judged in 0..100 {
            match self.login(email, OTHER).await.reason() {
                Some(Reason::InvalidCredentials) => {}
                Some(Reason::TooManyAttempts) => return judged,
                other => panic!("{other:?}"),
            }
        }
        panic!("a hundred guesses were judged")
    }
}

fn retry_after(answer: &Answer) -> u64 {
    let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
    refusal.retry_after().expect("a throttled request says how long")
}

#[tokio::test]
async fn four_guesses_are_free_and_the_next_is_not_judged_whatever_its_password() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    assert_eq!(world.guess_until_refused(ADA).await, FREE_ATTEMPTS);
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::TooManyAttempts), "the right one neither");
    assert_eq!(world.change(ADA, PASSWORD, OTHER).await.reason(), Some(Reason::TooManyAttempts), "nor elsewhere");
}

#[tokio::test]
async fn an_address_without_an_account_is_limited_alike() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for _round in 0..6 {
        assert_eq!(world.guess_until_refused(ADA).await, world.guess_until_refused(NOBODY).await);
        let (known, unknown) = (world.login(ADA, OTHER).await, world.login(NOBODY, OTHER).await);
        assert_eq!(known, unknown);
        world.clock.advance(retry_after(&known));
    }
}

#[tokio::test]
async fn the_wait_doubles_up_to_a_quarter_of_an_hour_and_a_refused_guess_does_not_prolong_it() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.guess_until_refused(ADA).await;
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST_WAIT, LONGEST_WAIT] {
        let refused = retry_after(&world.login(ADA, OTHER).await);
        // One second more than the wait makes up for the part of a second that whole seconds drop.
        assert_eq!(refused, wait + 1);
        world.clock.advance(refused - 1);
        assert_eq!(retry_after(&world.login(ADA, OTHER).await), 1);
        world.clock.advance(1);
        assert_eq!(world.guess_until_refused(ADA).await, 1);
    }
}

#[tokio::test]
async fn a_success_begins_the_count_anew() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for _round in 0..3 {
        for _guess in 1..FREE_ATTEMPTS {
            world.login(ADA, OTHER).await;
        }
        identity(&world.login(ADA, PASSWORD).await);
    }
    assert_eq!(world.change(ADA, PASSWORD, OTHER).await, Answer::Done);
    assert_eq!(world.change(ADA, OTHER, PASSWORD).await, Answer::Done);
    assert_eq!(world.guess_until_refused(ADA).await, FREE_ATTEMPTS);
}

#[tokio::test]
async fn a_day_without_a_guess_begins_the_count_anew() {
    let world = World::default();
    world.guess_until_refused(ADA).await;
    world.clock.advance(24 * HOUR);
    assert_eq!(world.guess_until_refused(ADA).await, 1, "the count goes on");
    world.clock.advance(24 * HOUR + 1);
    assert_eq!(world.guess_until_refused(ADA).await, FREE_ATTEMPTS);
}

#[tokio::test]
async fn whoever_guesses_cannot_keep_the_owner_out_who_resets_by_mail() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.guess_until_refused(ADA).await;
    for _guess in 0..50 {
        world.reset(ADA, "not-the-token", OTHER).await;
    }
    drop(world.mailer.take());
    world.lose(ADA).await.expect("no fault");
    assert_eq!(world.reset(ADA, &world.mailed_token(), OTHER).await, Answer::Done);
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn the_owner_hears_of_guesses_once_and_for_nobody_the_mail_goes_nowhere() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for (address, recipient) in [(ADA, ADA), (NOBODY, (&world.mailer).nowhere().as_str())] {
        for _round in 0..4 {
            world.guess_until_refused(address).await;
            world.clock.advance(LONGEST_WAIT + 1);
        }
        let mails = world.mailer.take();
        assert_eq!(mails.len(), 1, "once in a count");
        assert_eq!(mails[0].to.as_str(), recipient);
        assert!(mails[0].subject.contains("Wrong passwords"));
    }
}

#[tokio::test]
async fn a_mailbox_that_nobody_has_proven_hears_of_no_guesses() {
    let world = World::default();
    world.sign_up(ADA, PASSWORD).await.expect("no fault");
    drop(world.mailer.take());
    world.guess_until_refused(ADA).await;
    let mails = world.mailer.take();
    assert_eq!(mails.len(), 1, "as for any other address");
    assert_eq!(mails[0].to, (&world.mailer).nowhere());
}

#[tokio::test]
async fn a_guess_is_answered_alike_although_the_owner_could_not_be_told() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.mailer.fail(true);
    assert_eq!(world.guess_until_refused(ADA).await, FREE_ATTEMPTS);
}

#[tokio::test]
async fn guesses_at_tokens_are_limited_and_the_right_token_is_not() {
    let world = World::default();
    world.sign_up(ADA, PASSWORD).await.expect("no fault");
    let verify = world.mailed_token();
    world.lose(ADA).await.expect("no fault");
    let lost = world.mailed_token();
    for guess in 1..10 {
        let expected = if guess <= FREE_ATTEMPTS { Reason::InvalidToken } else { Reason::TooManyAttempts };
        for address in [ADA, NOBODY] {
            assert_eq!(world.verify(address, "not-the-token").await.reason(), Some(expected));
            assert_eq!(world.reset(address, "not-the-token", OTHER).await.reason(), Some(expected));
        }
    }
    assert_eq!(world.verify(ADA, &verify).await, Answer::Done);
    assert_eq!(world.reset(ADA, &lost, OTHER).await, Answer::Done);
}

#[tokio::test]
async fn an_address_gets_one_mail_a_minute_for_each_occasion_known_or_not() {
    let world = World::default();
    for address in [ADA, NOBODY] {
        if address == ADA {
            world.verified(ADA, PASSWORD).await;
        }
        assert_eq!(world.lose(address).await, Ok(Answer::Done));
        let refused = world.lose(address).await.expect("no fault");
        assert_eq!((refused.reason(), retry_after(&refused)), (Some(Reason::TooManyMails), 61));
        world.clock.advance(61);
        assert_eq!(world.lose(address).await, Ok(Answer::Done));
        assert_eq!(world.mailer.take().len(), 2);
    }
    world.clock.advance(HOUR + 1);
    world.sign_up(NOBODY, PASSWORD).await.expect("no fault");
    let again = world.sign_up(NOBODY, OTHER).await.expect("no fault");
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
        for answer in [world.sign_up(ADA, OTHER).await, world.lose(ADA).await] {
            sent += u32::from(answer.expect("no fault") == Answer::Done);
        }
    }
    assert_eq!(sent, 5, "within 59 minutes");
    let refused = world.lose(ADA).await.expect("no fault");
    world.clock.advance(retry_after(&refused));
    assert_eq!(world.lose(ADA).await, Ok(Answer::Done));
}

#[tokio::test]
async fn a_mail_that_is_refused_voids_no_link() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.lose(ADA).await.expect("no fault");
    let token = world.mailed_token();
    assert_eq!(world.lose(ADA).await.expect("no fault").reason(), Some(Reason::TooManyMails));
    assert_eq!(world.reset(ADA, &token, OTHER).await, Answer::Done);
}

#[tokio::test]
async fn a_mail_that_failed_can_be_asked_for_again_at_once_and_does_not_count() {
    let world = World::default();
    for _try in 0..10 {
        world.mailer.fail(true);
        world.sign_up(ADA, PASSWORD).await.expect_err("the mailer fails");
        world.lose(ADA).await.expect_err("the mailer fails");
        world.mailer.fail(false);
    }
    assert_eq!(world.sign_up(ADA, PASSWORD).await, Ok(Answer::Done));
    world.users.fail(true);
    world.lose(ADA).await.expect_err("the table fails");
    world.users.fail(false);
    assert_eq!(world.lose(ADA).await, Ok(Answer::Done));
}
