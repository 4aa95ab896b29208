//! What a user lives through, from sign-up to a reset password, with the services in memory.

mod world;

use latchkey_auth::{
    ChangePassword, CreateUser, Done, Email, Fault, Login, LostPassword, MAX_RESET_LINKS, MailRequest, Outcome,
    PendingVerification, Reason, ResetPassword, User, VerifyUser,
};
use latchkey_salting::StoredHash;
use serde_json::{Value, json};
use world::{ADA, DONE, HOUR, OTHER, PASSWORD, World, identity, legacy_user, to_json};

#[tokio::test]
async fn a_user_signs_up_verifies_and_logs_in() {
    let world = World::default();
    assert_eq!(world.create_user(" ADA@Example.com ", PASSWORD).await, Ok(DONE));
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::NotVerified));
    assert_eq!(world.login(ADA, OTHER).await.reason(), Some(Reason::InvalidCredentials));
    assert_eq!(world.verify_user(ADA, &world.mailed_token().await).await, DONE);
    let first = world.login(ADA, PASSWORD).await;
    let second = world.login("Ada@EXAMPLE.com", PASSWORD).await;
    assert_eq!(identity(&first), identity(&second));
    world.clock.advance(HOUR);
    assert_eq!(world.login(ADA, OTHER).await.reason(), Some(Reason::InvalidCredentials));
    assert_eq!(world.login("eve@example.com", PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
}

#[tokio::test]
async fn a_verification_link_works_for_24_hours_and_twice() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let token = world.mailed_token().await;
    world.clock.advance(24 * HOUR - 1);
    assert_eq!(world.verify_user(ADA, &token).await, DONE);
    // The second click only reads: no call after the first one may succeed.
    world.users.fail_from(Some(1));
    assert_eq!(world.verify_user(ADA, &token).await, DONE);
    world.users.fail(false);
    world.clock.advance(1);
    assert_eq!(world.verify_user(ADA, &token).await.reason(), Some(Reason::InvalidToken));
}

#[tokio::test]
async fn an_expired_verification_link_does_not_verify() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let token = world.mailed_token().await;
    world.clock.advance(24 * HOUR);
    assert_eq!(world.verify_user(ADA, &token).await.reason(), Some(Reason::InvalidToken));
    assert!(!world.user(ADA).expect("stored").verified);
}

#[tokio::test]
async fn signing_up_again_replaces_an_unverified_account_and_voids_its_link() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let (old_token, old) = (world.mailed_token().await, world.user(ADA).expect("stored"));
    world.wait();
    world.create_user(ADA, OTHER).await.expect("no fault");
    let (new_token, new) = (world.mailed_token().await, world.user(ADA).expect("stored"));
    assert_ne!(old.user_id, new.user_id);
    assert_eq!(world.verify_user(ADA, &old_token).await.reason(), Some(Reason::InvalidToken));
    assert_eq!(world.verify_user(ADA, &new_token).await, DONE);
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn signing_up_over_a_verified_account_changes_nothing_and_tells_the_owner_alone() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let identity_before = identity(&world.login(ADA, PASSWORD).await).to_owned();
    world.wait();
    assert_eq!(world.create_user(ADA, OTHER).await, Ok(DONE), "the same answer as for a new address");
    let mails = world.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains("has an account already"), "{}", mails[0].text);
    assert!(!mails[0].text.contains("http"), "no link to verify");
    assert_eq!(identity(&world.login(ADA, PASSWORD).await), identity_before);
    assert_eq!(world.login(ADA, OTHER).await.reason(), Some(Reason::InvalidCredentials));
}

#[tokio::test]
async fn no_answer_tells_who_has_an_account_nor_do_the_steps_that_lead_to_it() {
    const WRONG: &str = "a-link-that-nobody-was-mailed";
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.create_user("new@example.com", PASSWORD).await.expect("no fault");
    world.clock.advance(HOUR);
    drop(world.mailer.take_requests());
    let mut told = Vec::new();
    for address in [ADA, "new@example.com", "nobody@example.com"] {
        let mut here = Vec::new();
        // The sign-up comes last: it creates an account for the unknown address.
        for operation in ["login", "verifyUser", "resetPassword", "lostPassword", "createUser"] {
            let answer: Value = match operation {
                "login" => to_json::<Login>(&world.login(address, OTHER).await),
                "verifyUser" => to_json::<VerifyUser>(&world.verify_user(address, WRONG).await),
                "resetPassword" => to_json::<ResetPassword>(&world.reset_password(address, WRONG, OTHER).await),
                "lostPassword" => to_json::<LostPassword>(&world.lost_password(address).await.expect("no fault")),
                _ => to_json::<CreateUser>(&world.create_user(address, OTHER).await.expect("no fault")),
            };
            let steps = world.record.borrow().steps.clone();
            let classes: Vec<_> = world.mailer.take_requests().iter().map(|request| request.class).collect();
            here.push((operation, answer, steps, classes));
        }
        told.push(here);
    }
    assert_eq!(told[0], told[1], "verified or not");
    assert_eq!(told[0], told[2], "known or not");
}

#[tokio::test]
async fn a_setting_turns_the_plainer_answers_on() {
    let mut world = World::default();
    world.services.reveal_accounts = true;
    world.verified(ADA, PASSWORD).await;
    world.wait();
    let reason = |answer: Result<Outcome<Done>, Fault>| answer.expect("no fault").reason();
    assert_eq!(reason(world.create_user(ADA, OTHER).await), Some(Reason::AccountExists));
    assert_eq!(reason(world.lost_password("eve@example.com").await), Some(Reason::UnknownAccount));
    assert!(world.mails().await.is_empty());
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it_and_the_owner_is_told() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
    assert_eq!(
        world.change_password("eve@example.com", OTHER, PASSWORD).await.reason(),
        Some(Reason::InvalidCredentials)
    );
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await, DONE);
    assert!(world.mails().await[0].subject.contains("was changed"));
    assert_eq!(world.login(ADA, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn the_password_of_an_address_that_is_not_verified_cannot_be_changed() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await.reason(), Some(Reason::NotVerified));
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
}

#[tokio::test]
async fn a_password_change_leaves_the_owner_the_way_back_and_its_mail_says_until_when() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await, DONE);
    assert!(!world.mails().await[0].text.contains("still works"), "no link is out");
    world.lost_password(ADA).await.expect("no fault");
    let token = world.mailed_token().await;
    assert_eq!(world.change_password(ADA, OTHER, PASSWORD).await, DONE);
    let text = world.mails().await.remove(0).text;
    // The clock of the test began at 1970, and the link works for an hour.
    assert!(text.contains("still works until 01:00 on 1 January 1970 (UTC)"), "{text}");
    assert_eq!(world.reset_password(ADA, &token, OTHER).await, DONE);
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn a_lost_password_is_reset_once_within_the_hour() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.lost_password(ADA).await.expect("no fault");
    let token = world.mailed_token().await;
    world.clock.advance(HOUR - 1);
    assert_eq!(world.reset_password(ADA, &token, "short").await.reason(), Some(Reason::PasswordTooShort));
    assert_eq!(world.reset_password(ADA, &token, OTHER).await, DONE, "the refused password spent nothing");
    assert!(world.mails().await[0].subject.contains("was changed"));
    assert_eq!(world.reset_password(ADA, &token, PASSWORD).await.reason(), Some(Reason::InvalidToken));
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn an_expired_reset_link_is_refused() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.lost_password(ADA).await.expect("no fault");
    let token = world.mailed_token().await;
    world.clock.advance(HOUR);
    assert_eq!(world.reset_password(ADA, &token, OTHER).await.reason(), Some(Reason::InvalidToken));
}

#[tokio::test]
async fn five_reset_links_are_good_at_once_and_a_completed_reset_voids_them_all() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for used in 0..MAX_RESET_LINKS {
        let mut links = Vec::new();
        for _request in 0..MAX_RESET_LINKS {
            assert_eq!(world.lost_password(ADA).await, Ok(DONE), "a completed reset gave the quota back");
            links.push(world.mailed_token().await);
            world.wait();
        }
        // One more is refused, and every link that is in the mailbox works.
        assert_eq!(world.lost_password(ADA).await.expect("no fault").reason(), Some(Reason::TooManyMails));
        assert_eq!(world.reset_password(ADA, &links[used], OTHER).await, DONE, "link {used}");
        drop(world.mails().await);
        for link in &links {
            assert_eq!(world.reset_password(ADA, link, PASSWORD).await.reason(), Some(Reason::InvalidToken));
            // Wrong tokens are attempts, which wait.
            world.clock.advance(16 * 60);
        }
    }
}

#[tokio::test]
async fn a_sign_up_over_an_unverified_account_leaves_its_reset_links_good() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mails().await.pop().expect("the latest mail");
    world.wait();
    world.create_user(ADA, OTHER).await.expect("no fault");
    let token = lost.text.lines().find_map(|line| line.split_once("&lost=")).expect("a link").1.to_owned();
    assert_eq!(world.reset_password(ADA, &token, "tr0ub4dor and three").await, DONE);
    identity(&world.login(ADA, "tr0ub4dor and three").await);
}

#[tokio::test]
async fn a_reset_verifies_too_since_it_proves_the_mailbox() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let verify = world.mailed_token().await;
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
    assert_eq!(world.reset_password(ADA, &verify, OTHER).await.reason(), Some(Reason::InvalidToken), "no reset token");
    assert_eq!(world.verify_user(ADA, &lost).await.reason(), Some(Reason::InvalidToken), "no verify token");
    assert_eq!(world.reset_password(ADA, &lost, OTHER).await, DONE);
    identity(&world.login(ADA, OTHER).await);
}

#[tokio::test]
async fn what_the_table_holds_of_a_link_opens_nothing() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    drop(world.mails().await);
    world.lost_password(ADA).await.expect("no fault");
    let user = world.user(ADA).expect("stored");
    let Some(PendingVerification::Hashed { token, .. }) = user.verification else { panic!("a hash") };
    assert_eq!(world.verify_user(ADA, &token.encode()).await.reason(), Some(Reason::InvalidToken));
    let lost = user.resets[0].token.encode();
    assert_eq!(world.reset_password(ADA, &lost, OTHER).await.reason(), Some(Reason::InvalidToken));
}

#[tokio::test]
async fn a_race_is_decided_by_the_write_and_whoever_loses_it_changes_nothing() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let verify = world.mailed_token().await;
    world.users.lose_races(true);
    assert_eq!(world.verify_user(ADA, &verify).await.reason(), Some(Reason::InvalidToken));
    world.users.lose_races(false);
    assert_eq!(world.verify_user(ADA, &verify).await, DONE);
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
    world.users.lose_races(true);
    assert_eq!(world.reset_password(ADA, &lost, OTHER).await.reason(), Some(Reason::InvalidToken));
    assert_eq!(world.change_password(ADA, PASSWORD, OTHER).await.reason(), Some(Reason::InvalidCredentials));
    assert!(world.mails().await.is_empty(), "nothing was changed that the owner had to hear of");
    world.users.lose_races(false);
    assert_eq!(world.reset_password(ADA, &lost, OTHER).await, DONE);
}

#[tokio::test]
async fn a_login_whose_renewal_lost_the_race_succeeds() {
    let world = World::default();
    world.users.insert(Email::parse(ADA).expect("an address"), legacy_user(true, None));
    world.users.lose_races(true);
    identity(&world.login(ADA, "wonderland").await);
    assert!(matches!(world.user(ADA).expect("stored").password, StoredHash::Legacy(_)));
}

#[tokio::test]
async fn what_names_or_admits_a_user_is_not_printed_by_debug() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    let user_id = world.user(ADA).expect("stored").user_id;
    assert_eq!(format!("{user_id:?}"), "UserId([redacted])");
    let answer = world.login(ADA, PASSWORD).await;
    assert_eq!(format!("{answer:?}"), "Success(LoggedIn { token: OpenIdToken([redacted]), device: None })");
}

#[tokio::test]
async fn a_name_reaches_no_mail() {
    let world = World::default();
    for _mail in 0..2 {
        let payload = json!({ "email": ADA, "password": PASSWORD, "name": "Marked 4711" });
        world.create_user_raw(payload).await.expect("no fault");
        let mail = world.mails().await.remove(0);
        assert!(![mail.subject, mail.text, mail.html].concat().contains("4711"));
        world.wait();
    }
}

#[tokio::test]
async fn a_token_of_one_account_is_none_of_another() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.verified("eve@example.com", PASSWORD).await;
    world.lost_password("eve@example.com").await.expect("no fault");
    let token = world.mailed_token().await;
    assert_eq!(world.reset_password(ADA, &token, OTHER).await.reason(), Some(Reason::InvalidToken));
}

#[tokio::test]
async fn a_link_verifies_with_the_password_that_was_chosen_and_with_no_other() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let token = world.mailed_token().await;
    assert_eq!(world.verify_with(ADA, &token, OTHER).await.reason(), Some(Reason::InvalidCredentials));
    assert!(!world.user(ADA).expect("stored").verified);
    assert_eq!(world.verify_with(ADA, "not-the-token", PASSWORD).await.reason(), Some(Reason::InvalidToken));
    assert_eq!(world.verify_with(ADA, &token, PASSWORD).await, DONE);
    // A second click is answered like the first, and judges nothing.
    assert_eq!(world.verify_with(ADA, &token, OTHER).await, DONE);
    identity(&world.login(ADA, PASSWORD).await);
}

#[tokio::test]
async fn a_stranger_who_signs_up_after_the_owner_does_not_get_the_account() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    world.wait();
    // A minute later. The owner finds the newer mail on top.
    world.create_user(ADA, OTHER).await.expect("no fault");
    let newer = world.mails().await.pop().expect("a mail");
    let token = newer.text.lines().find_map(|line| line.split_once("&verify=")).expect("a link").1.to_owned();
    assert_eq!(world.verify_with(ADA, &token, PASSWORD).await.reason(), Some(Reason::InvalidCredentials));
    assert_eq!(world.login(ADA, OTHER).await.reason(), Some(Reason::NotVerified), "the stranger has nothing");
    // A reset makes the account the mailbox's.
    let strangers = world.user(ADA).expect("stored").user_id;
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
    assert_eq!(world.reset_password(ADA, &lost, PASSWORD).await, DONE);
    assert_ne!(world.user(ADA).expect("stored").user_id, strangers);
    identity(&world.login(ADA, PASSWORD).await);
    assert_eq!(world.login(ADA, OTHER).await.reason(), Some(Reason::InvalidCredentials));
}

#[tokio::test]
async fn ten_passwords_are_tried_with_a_link_and_then_a_reset_helps() {
    let world = World::default();
    let plain = "0123456789abcdef".repeat(16);
    for legacy in [false, true] {
        let token = if legacy {
            world.users.insert(Email::parse(ADA).expect("an address"), legacy_user(false, Some(&plain)));
            plain.clone()
        } else {
            world.create_user(ADA, PASSWORD).await.expect("no fault");
            world.mailed_token().await
        };
        for _try in 0..10 {
            assert_eq!(world.verify_with(ADA, &token, OTHER).await.reason(), Some(Reason::InvalidCredentials));
        }
        // Not even with the right one, or with none.
        let right = if legacy { "wonderland" } else { PASSWORD };
        for answer in [world.verify_with(ADA, &token, right).await, world.verify_user(ADA, &token).await] {
            let told = to_json::<VerifyUser>(&answer);
            assert_eq!(told["reason"], "invalid_token");
            assert!(told["info"].as_str().is_some_and(|info| info.contains("Forgot your password?")), "{told}");
        }
        // No try was an attempt at the account's throttle.
        assert_eq!(world.login(ADA, right).await.reason(), Some(Reason::NotVerified));
        world.lost_password(ADA).await.expect("no fault");
        let lost = world.mailed_token().await;
        assert_eq!(world.reset_password(ADA, &lost, "tr0ub4dor and three").await, DONE);
        identity(&world.login(ADA, "tr0ub4dor and three").await);
        drop(world.mails().await);
        world.wait();
    }
}

#[tokio::test]
async fn the_tenth_try_may_be_the_right_one() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    let token = world.mailed_token().await;
    for _try in 0..9 {
        world.verify_with(ADA, &token, OTHER).await;
    }
    assert_eq!(world.verify_with(ADA, &token, PASSWORD).await, DONE);
}

#[tokio::test]
async fn what_was_imported_unverified_is_not_replaced_by_a_sign_up_and_keeps_its_identifier_at_a_reset() {
    let world = World::default();
    world.create_user(ADA, PASSWORD).await.expect("no fault");
    drop(world.mails().await);
    let imported = User { imported: true, verification: None, ..world.user(ADA).expect("stored") };
    world.users.insert(Email::parse(ADA).expect("an address"), imported.clone());
    world.wait();
    assert_eq!(world.create_user(ADA, OTHER).await, Ok(DONE), "the same answer");
    assert!(world.mails().await[0].text.contains("has an account already"));
    assert!(world.user(ADA).expect("stored").password == imported.password);
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
    assert_eq!(world.reset_password(ADA, &lost, OTHER).await, DONE);
    assert_eq!(world.user(ADA).expect("stored").user_id, imported.user_id);
}

#[tokio::test]
async fn losing_the_password_of_an_unknown_address_is_answered_alike_and_sends_nothing() {
    let world = World::default();
    assert_eq!(world.lost_password(ADA).await, Ok(DONE));
    let requests = world.mailer.take_requests();
    let [MailRequest { template: None, .. }] = &requests[..] else { panic!("one request without a recipient") };
    assert!(world.user(ADA).is_none());
}

#[tokio::test]
async fn a_failed_mail_strands_no_account() {
    let world = World::default();
    world.mailer.fail(true);
    let fault = world.create_user(ADA, PASSWORD).await.expect_err("the mailer fails");
    assert_eq!(fault.error_type(), "MailerUnavailable");
    world.mailer.fail(false);
    world.verified(ADA, PASSWORD).await;
    world.mailer.fail(true);
    world.lost_password(ADA).await.expect_err("the mailer fails");
    world.mailer.fail(false);
    world.lost_password(ADA).await.expect("no fault");
    assert_eq!(world.reset_password(ADA, &world.mailed_token().await, OTHER).await, DONE);
}

#[tokio::test]
async fn a_changed_password_is_reported_as_changed_although_the_owner_could_not_be_told() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    world.mailer.fail(true);
    let answer = world.change_password(ADA, PASSWORD, OTHER).await;
    assert_eq!(to_json::<ChangePassword>(&answer), json!({ "changed": true }));
    assert_eq!(world.record.borrow().fault, Some("MailerUnavailable"));
    identity(&world.login(ADA, OTHER).await);

    world.mailer.fail(false);
    world.lost_password(ADA).await.expect("no fault");
    let lost = world.mailed_token().await;
    world.mailer.fail(true);
    assert_eq!(world.reset_password(ADA, &lost, PASSWORD).await, DONE);
    assert_eq!(world.record.borrow().fault, Some("MailerUnavailable"));
    identity(&world.login(ADA, PASSWORD).await);
}

#[tokio::test]
async fn a_failing_table_is_a_fault_and_no_answer() {
    let world = World::default();
    world.users.fail(true);
    assert_eq!(world.create_user(ADA, PASSWORD).await.expect_err("a fault").error_type(), "TableUnavailable");
    assert_eq!(world.lost_password(ADA).await.expect_err("a fault").error_type(), "TableUnavailable");
    assert!(world.mails().await.is_empty());
}

#[tokio::test]
async fn a_user_with_a_legacy_record_logs_in_and_is_rewritten_with_the_same_identity() {
    let world = World::default();
    world.users.insert(Email::parse(ADA).expect("an address"), legacy_user(true, None));
    assert_eq!(world.login(ADA, "wonderlanD").await.reason(), Some(Reason::InvalidCredentials));
    assert!(matches!(world.user(ADA).expect("stored").password, StoredHash::Legacy(_)));
    let first = world.login(ADA, "wonderland").await;
    assert!(matches!(world.user(ADA).expect("stored").password, StoredHash::Encoded(_)));
    let second = world.login(ADA, "wonderland").await;
    assert_eq!(identity(&first), identity(&second));
}

#[tokio::test]
async fn a_plain_verify_token_of_a_legacy_record_is_honoured_twice_and_kept_as_a_hash() {
    let world = World::default();
    let token = "0123456789abcdef".repeat(16);
    world.users.insert(Email::parse(ADA).expect("an address"), legacy_user(false, Some(&token)));
    assert_eq!(world.verify_user(ADA, &token.replace('0', "1")).await.reason(), Some(Reason::InvalidToken));
    assert_eq!(world.verify_user(ADA, &token).await, DONE);
    assert!(matches!(world.user(ADA).expect("stored").verification, Some(PendingVerification::Hashed { .. })));
    assert_eq!(world.verify_user(ADA, &token).await, DONE);
}

#[tokio::test]
async fn malformed_requests_are_refused_and_nothing_is_stored_or_sent() {
    let world = World::default();
    let long = "a".repeat(1_025);
    let cases = [
        (json!(null), Reason::InvalidRequest),
        (json!([ADA, PASSWORD, null]), Reason::InvalidRequest),
        (json!("text"), Reason::InvalidRequest),
        (json!({}), Reason::InvalidRequest),
        (json!({ "email": ADA }), Reason::InvalidRequest),
        (json!({ "email": null, "password": PASSWORD }), Reason::InvalidRequest),
        (json!({ "email": ADA, "password": null }), Reason::InvalidRequest),
        (json!({ "email": [ADA], "password": PASSWORD }), Reason::InvalidRequest),
        (json!({ "email": ADA, "password": 12_345_678 }), Reason::InvalidRequest),
        (json!({ "email": ADA, "password": PASSWORD, "admin": true }), Reason::InvalidRequest),
        (json!({ "email": ADA, "password": PASSWORD, "name": { "first": "Ada" } }), Reason::InvalidRequest),
        (json!({ "email": ADA, "password": "x".repeat(40_000) }), Reason::InvalidRequest),
        (json!({ "email": "", "password": PASSWORD }), Reason::InvalidEmail),
        (json!({ "email": "ada", "password": PASSWORD }), Reason::InvalidEmail),
        (json!({ "email": "ada@example.com\r\nBcc: eve@example.com", "password": PASSWORD }), Reason::InvalidEmail),
        (json!({ "email": ADA, "password": "" }), Reason::PasswordTooShort),
        (json!({ "email": ADA, "password": "1234567" }), Reason::PasswordTooShort),
        (json!({ "email": ADA, "password": long }), Reason::PasswordTooLong),
        (json!({ "email": ADA, "password": PASSWORD, "name": "Ada\nEve" }), Reason::InvalidName),
        (json!({ "email": ADA, "password": PASSWORD, "name": "a".repeat(101) }), Reason::InvalidName),
    ];
    for (payload, reason) in cases {
        let answer = world.create_user_raw(payload.clone()).await.expect("a refusal is no fault");
        assert_eq!(answer.reason(), Some(reason), "{payload}");
    }
    assert!(world.user(ADA).is_none());
    assert!(world.mails().await.is_empty());
}

#[tokio::test]
async fn a_refusal_quotes_nothing_of_the_request() {
    let world = World::default();
    let marked = "m4rk3d-s3cr3t";
    for payload in [
        json!({ "email": marked, "password": PASSWORD }),
        json!({ "email": ADA, "password": [marked] }),
        json!({ "email": ADA, "password": PASSWORD, marked: marked }),
        json!({ "email": ADA, "password": PASSWORD, "name": marked.repeat(10) }),
    ] {
        let answer = world.create_user_raw(payload).await.expect("a refusal is no fault");
        assert!(answer.reason().is_some());
        assert!(!format!("{answer:?}").contains(marked), "{answer:?}");
    }
}

#[tokio::test]
async fn answers_have_the_form_of_the_contract() {
    let world = World::default();
    let done = world.create_user(ADA, PASSWORD).await.expect("no fault");
    assert_eq!(to_json::<CreateUser>(&done), json!({ "created": true }));
    let refused = world.create_user(ADA, "short").await.expect("no fault");
    assert_eq!(
        to_json::<CreateUser>(&refused),
        json!({ "created": false, "reason": "password_too_short", "info": "A password has at least 8 characters." })
    );
    assert_eq!(world.verify_user(ADA, &world.mailed_token().await).await, DONE);
    let identity = format!("region:{}", world.user(ADA).expect("stored").user_id.as_str());
    let token = identity.replace("region:", "token of ");
    let login = world.login(ADA, PASSWORD).await;
    assert_eq!(to_json::<Login>(&login), json!({ "login": true, "identityId": identity, "token": token }));
}

#[tokio::test]
async fn a_missing_or_impossible_token_never_matches() {
    let world = World::default();
    world.verified(ADA, PASSWORD).await;
    for token in ["", " ", "null", "undefined", "[]"] {
        assert_eq!(world.reset_password(ADA, token, OTHER).await.reason(), Some(Reason::InvalidToken), "{token:?}");
        let verified = world.verify_user("eve@example.com", token).await;
        assert_eq!(verified.reason(), Some(Reason::InvalidToken), "{token:?}");
    }
}
