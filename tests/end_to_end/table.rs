//! What the table decides by itself: each condition of each write, with the adapter that the functions use and the times
//! that they would give it. A write that finds the record changed since it was looked at leaves it alone.

use crate::account::address;
use crate::sample;
use crate::service::{Item, Service};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use latchkey_auth::delivery::MailBudget;
use latchkey_auth::memory::MemoryServices;
use latchkey_auth::services::{
    AddUser, CountVerifyTry, FindUser, MarkVerified, RenewHash, ReplacePassword, ResetFor, SpendResetToken,
    StoreResetToken, VerifyTry,
};
use latchkey_auth::throttle::{
    Attempt, CountAttempt, CountDeviceFailure, CountSuccess, FAILURES_KEPT, ForgetFailures, MailQuota, Quota,
    Reservation, Throttle, Wait,
};
use latchkey_auth::{
    DeviceId, Email, Entropy, Fault, ImportedUser, MAX_RESET_LINKS, MailClass, NewUser, PendingReset,
    PendingVerification, Timestamp, Token, TokenHash, UserId,
};
use latchkey_dynamodb::{DynamoUsers, Imported};
use latchkey_runtime::SystemEntropy;
use latchkey_salting::{LegacyHash, PasswordHash, StoredHash};
use std::sync::atomic::Ordering;

/// Any time after 1970 will do.
const NOW: Timestamp = Timestamp(2_000_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + 100);

fn email(name: &str) -> Email {
    Email::parse(&address(name)).unwrap()
}

/// A device that no test has used.
fn new_device() -> DeviceId {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes);
    DeviceId::from_bytes(bytes)
}

fn token(text: &str) -> TokenHash {
    Token::parse(text).unwrap().hash()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.to_owned())
}

fn stored(text: &str) -> StoredHash {
    StoredHash::Encoded(hash(text))
}

fn new_user(email: &Email, link: &str) -> NewUser {
    NewUser {
        email: email.clone(),
        name: None,
        user_id: UserId::from_stored(format!("user of {link}")),
        password: hash("first"),
        verify_token: token(link),
        verify_token_expires_at: LATER,
        expires_at: LATER,
        created_at: NOW,
    }
}

fn seen(link: &str) -> PendingVerification {
    PendingVerification::Hashed { token: token(link), expires_at: LATER }
}

fn link(text: &str) -> PendingReset {
    PendingReset { token: token(text), expires_at: LATER }
}

/// A verified account with a reset link out.
async fn verified(users: &DynamoUsers, name: &str) -> Email {
    let email = email(name);
    assert_eq!(users.add_user(&new_user(&email, "verify")).await, Ok(true));
    assert_eq!(users.mark_verified(&email, &seen("verify"), LATER, NOW).await, Ok(true));
    assert_eq!(users.store_reset_token(&email, &token("lost"), LATER, NOW).await, Ok(ResetFor::Owner));
    email
}

/// A legacy record, with a token of each kind.
async fn legacy_record(service: &Service, name: &str) -> Email {
    let email = email(name);
    let mut item = sample::item(email.as_str());
    for attribute in ["verifyToken", "lostToken"] {
        item.insert(attribute.to_owned(), AttributeValue::S("0123456789abcdef".to_owned()));
    }
    service.put(item).await;
    email
}

async fn item(service: &Service, email: &Email) -> Item {
    service.item(email.as_str()).await.unwrap()
}

fn has(item: &Item, attribute: &str) -> bool {
    item.contains_key(attribute)
}

fn legacy_hash(item: &Item) -> StoredHash {
    let text = |attribute: &str| item[attribute].as_s().unwrap().clone();
    StoredHash::Legacy(LegacyHash { hash: text("passwordHash"), salt: text("passwordSalt") })
}

#[tokio::test]
async fn races_are_decided_by_conditional_writes_where_two_sign_up() {
    let (service, users) = Service::with_table();
    let email = email("race");
    assert_eq!(users.add_user(&new_user(&email, "older")).await, Ok(true));
    assert_eq!(users.add_user(&new_user(&email, "newer")).await, Ok(true), "nobody has verified the first");
    assert_eq!(users.mark_verified(&email, &seen("newer"), LATER, NOW).await, Ok(true));
    let before = item(&service, &email).await;
    assert_eq!(users.add_user(&new_user(&email, "third")).await, Ok(false));
    assert_eq!(item(&service, &email).await, before);
}

#[tokio::test]
async fn races_are_decided_by_conditional_writes_where_a_link_verifies() {
    let (service, users) = Service::with_table();
    let email = email("race");
    users.add_user(&new_user(&email, "older")).await.unwrap();
    users.add_user(&new_user(&email, "newer")).await.unwrap();
    assert_eq!(users.mark_verified(&email, &seen("older"), LATER, NOW).await, Ok(false), "it was replaced");
    assert_eq!(users.mark_verified(&email, &seen("newer"), LATER, LATER).await, Ok(false), "it has ended");
    assert_eq!(users.mark_verified(&email, &seen("newer"), LATER, NOW).await, Ok(true));
    assert!(!has(&item(&service, &email).await, "expiresAt"));

    let old = legacy_record(&service, "old").await;
    let plain = |text: &str| PendingVerification::Plain(Token::from_stored(text.to_owned()));
    assert_eq!(users.mark_verified(&old, &plain("another"), LATER, NOW).await, Ok(false));
    assert_eq!(users.mark_verified(&old, &plain("0123456789abcdef"), LATER, NOW).await, Ok(true));
    let item = item(&service, &old).await;
    assert!(!has(&item, "verifyToken") && has(&item, "verifyTokenHash"));
}

#[tokio::test]
async fn races_are_decided_by_conditional_writes_where_a_link_resets() {
    let (service, users) = Service::with_table();
    let nobody = email("nobody");
    assert_eq!(users.store_reset_token(&nobody, &token("lost"), LATER, NOW).await, Ok(ResetFor::Nobody));
    assert!(service.item(nobody.as_str()).await.is_none());

    let email = verified(&users, "race").await;
    for further in ["second", "third", "fourth", "fifth"] {
        assert_eq!(users.store_reset_token(&email, &token(further), LATER, NOW).await, Ok(ResetFor::Owner));
    }
    let out = users.find_user(&email).await.unwrap().unwrap().resets;
    assert_eq!(out, ["fifth", "fourth", "third", "second", "lost"].map(link));
    let reset = async |seen: PendingReset, to: &str| users.spend_reset_token(&email, &seen, &hash(to), None, NOW).await;
    assert_eq!(reset(link("another"), "second").await, Ok(false));
    assert_eq!(reset(PendingReset { expires_at: NOW, ..link("lost") }, "second").await, Ok(false), "it is another one");
    assert_eq!(reset(link("lost"), "second").await, Ok(true));
    for void in ["lost", "second", "fifth"] {
        assert_eq!(reset(link(void), "third").await, Ok(false), "{void}");
    }
    let after = item(&service, &email).await;
    for gone in ["resetLink1", "resetLink5", "verifyTokenHash", "verifyTokenExpiresAt", "expiresAt"] {
        assert!(!has(&after, gone), "{gone}");
    }
    assert_eq!(after["userId"].as_s().unwrap(), "user of verify");

    // A reset proves the mailbox of an account that would have vanished, and brings a legacy record into the new form.
    let unproven = self::email("unproven");
    users.add_user(&new_user(&unproven, "verify")).await.unwrap();
    let old = legacy_record(&service, "old").await;
    for email in [&unproven, &old] {
        users.store_reset_token(email, &token("lost"), LATER, NOW).await.unwrap();
        assert_eq!(users.spend_reset_token(email, &link("lost"), &hash("second"), None, NOW).await, Ok(true));
        let item = item(&service, email).await;
        assert_eq!(item["verified"], AttributeValue::Bool(true));
        for gone in ["expiresAt", "passwordSalt", "verifyToken", "lostToken"] {
            assert!(!has(&item, gone), "{gone}");
        }
    }
    assert_eq!(item(&service, &old).await["userId"].as_s().unwrap(), old.as_str());
}

#[tokio::test]
async fn races_are_decided_by_conditional_writes_where_a_password_changes() {
    let (service, users) = Service::with_table();
    let email = verified(&users, "race").await;
    let before = item(&service, &email).await;
    assert_eq!(users.replace_password(&email, &stored("another"), &hash("second"), NOW).await, Ok(false));
    assert_eq!(item(&service, &email).await, before);
    assert_eq!(users.replace_password(&email, &stored("first"), &hash("second"), NOW).await, Ok(true));
    let after = item(&service, &email).await;
    assert_eq!(after["resetLink1"], before["resetLink1"], "the reset link stays good");
    assert_eq!(after["userId"], before["userId"]);

    let old = legacy_record(&service, "old").await;
    let seen = legacy_hash(&item(&service, &old).await);
    assert_eq!(users.replace_password(&old, &seen, &hash("second"), NOW).await, Ok(true));
    let after = item(&service, &old).await;
    assert!(!has(&after, "passwordSalt") && !has(&after, "lostToken"));
    assert_eq!(after["userId"].as_s().unwrap(), old.as_str());
}

#[tokio::test]
async fn races_are_decided_by_conditional_writes_where_a_hash_is_renewed() {
    let (service, users) = Service::with_table();
    let email = verified(&users, "race").await;
    let before = item(&service, &email).await;
    let id = |text: &str| UserId::from_stored(text.to_owned());
    let renew = async |seen: &str| users.renew_hash(&email, &id("another"), &stored(seen), &hash("second"), NOW).await;
    assert_eq!(renew("another").await, Ok(false));
    assert_eq!(item(&service, &email).await, before, "a password that was changed meanwhile stays");
    assert_eq!(renew("first").await, Ok(true));
    assert_eq!(item(&service, &email).await["userId"], before["userId"]);

    let old = legacy_record(&service, "old").await;
    let seen = legacy_hash(&item(&service, &old).await);
    assert_eq!(users.renew_hash(&old, &id(old.as_str()), &seen, &hash("second"), NOW).await, Ok(true));
    let after = item(&service, &old).await;
    assert!(!has(&after, "passwordSalt") && !has(&after, "lostToken"));
    assert_eq!(after["userId"].as_s().unwrap(), old.as_str());
}

#[tokio::test]
async fn races_are_decided_by_conditional_writes_where_an_account_is_brought_along() {
    let (service, users) = Service::with_table();
    let email = email("brought");
    let user = |password: &str| ImportedUser {
        email: email.clone(),
        name: None,
        user_id: UserId::from_stored(format!("user of {password}")),
        password: stored(password),
        verified: true,
        created_at: NOW,
    };
    assert_eq!(users.import(&user("first")).await, Ok(Imported::Written));
    let before = item(&service, &email).await;
    assert_eq!(users.import(&user("first")).await, Ok(Imported::Again));
    assert_eq!(users.import(&user("second")).await, Ok(Imported::Taken));
    assert_eq!(item(&service, &email).await, before);
}

#[tokio::test]
async fn the_table_counts_attempts_as_the_model_does() {
    let (service, users) = Service::with_table();
    let (email, device, model) = (email("guessed"), new_device(), MemoryServices::default());
    let (address, device) = (Throttle::Password(&email), Throttle::Device(&device));
    let waits = [0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 1, 8, 9, 16, 17, 33, 65, 129, 257, 513, 900, 1, 899, 901];
    let longer = [24 * 60 * 60, 1, 900, 901, 0, 0, 0, 0, 1, 1, 3_600, 0, 0, 1_799, 0, 1_801, 0, 0, 0, 60, 60, 60];
    let mut now = NOW;
    for (step, wait) in waits.into_iter().chain(longer).enumerate() {
        now = now.plus(wait);
        let taken = users.count_attempt(address, now).await;
        assert_eq!(taken, model.count_attempt(address, now).await, "step {step}");
        // Counted apart. The device wears out on the way.
        assert_eq!(users.count_attempt(device, now).await, model.count_attempt(device, now).await, "step {step}");
        let reset = Throttle::ResetToken(&email);
        assert_eq!(users.count_attempt(reset, now).await, model.count_attempt(reset, now).await, "step {step}");
        // Some attempts were right.
        if step % 7 == 2 {
            for throttle in [address, device] {
                users.count_success(throttle).await.unwrap();
                model.count_success(throttle).await.unwrap();
            }
        }
        let wait = match step {
            10 => Some(Wait::Stays),
            20 => Some(Wait::Ends),
            _ => None,
        };
        if let Some(wait) = wait {
            users.forget_failures(&email, wait).await.unwrap();
            model.forget_failures(&email, wait).await.unwrap();
        }
    }
    let counter = service.counter("attempts:password", email.as_str()).await.unwrap();
    let expires: u64 = counter["expiresAt"].as_n().unwrap().parse().unwrap();
    assert!(expires + 3_600 > now.0 + FAILURES_KEPT, "no failure is forgotten before its 400 days are over");
    // Where nobody guessed there is nothing to forget, and no item comes to stay.
    let nobody = self::email("nobody");
    users.forget_failures(&nobody, Wait::Ends).await.unwrap();
    users.count_success(Throttle::Password(&nobody)).await.unwrap();
    users.count_device_failure(&nobody, 0).await.unwrap();
    assert!(service.counter("attempts:password", nobody.as_str()).await.is_none());
    assert!(service.item(nobody.as_str()).await.is_none());
}

#[tokio::test]
async fn of_200_attempts_at_once_the_table_lets_four_be_checked() {
    let (_, users) = Service::with_table();
    let email = email("crowd");
    let attempts = join_all((0..200).map(|_| users.count_attempt(Throttle::Password(&email), NOW))).await;
    assert_eq!(counted(attempts), [1, 2, 3, 4]);
}

/// The numbers of the attempts that may be checked.
fn counted(attempts: Vec<Result<Attempt, Fault>>) -> Vec<u32> {
    let numbers = attempts.into_iter().filter_map(|attempt| match attempt.unwrap() {
        Attempt::Counted { number, .. } => Some(number),
        Attempt::Throttled { .. } | Attempt::WornOut => None,
    });
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn of_many_attempts_at_once_after_all_are_forgotten_four_are_checked() {
    let (_, users) = Service::with_table();
    for _round in 0..5 {
        let email = email("morning");
        users.count_attempt(Throttle::Password(&email), NOW).await.unwrap();
        let later = NOW.plus(15 * 60);
        let attempts = join_all((0..20).map(|_| users.count_attempt(Throttle::Password(&email), later))).await;
        assert_eq!(counted(attempts), [1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn of_many_attempts_of_a_device_at_once_ten_in_a_row_are_counted_at_most() {
    let (_, users) = Service::with_table();
    let device = new_device();
    let mut checked = 0;
    for hour in 0..8 {
        let now = NOW.plus(hour * 60 * 60);
        let attempts = join_all((0..20).map(|_| users.count_attempt(Throttle::Device(&device), now))).await;
        checked += counted(attempts).len();
    }
    assert_eq!(checked, 10);
    assert_eq!(users.count_attempt(Throttle::Device(&device), LATER).await, Ok(Attempt::WornOut));
    users.count_success(Throttle::Device(&device)).await.unwrap();
    let much_later = NOW.plus(24 * 60 * 60);
    let first = Attempt::Counted { number: 1, failures: 0 };
    assert_eq!(users.count_attempt(Throttle::Device(&device), much_later).await, Ok(first));
}

#[tokio::test]
async fn races_are_decided_by_conditional_writes_where_a_password_is_tried_with_a_link() {
    let (service, users) = Service::with_table();
    let email = email("tried");
    users.add_user(&new_user(&email, "verify")).await.unwrap();
    assert_eq!(users.count_verify_try(&email, &seen("another")).await, Ok(VerifyTry::LostRace));
    let old = legacy_record(&service, "old").await;
    let plain = PendingVerification::Plain(Token::from_stored("0123456789abcdef".to_owned()));
    for (email, link) in [(&email, seen("verify")), (&old, plain)] {
        let tries = join_all((0..30).map(|_| users.count_verify_try(email, &link))).await;
        assert_eq!(tries.iter().filter(|tried| **tried == Ok(VerifyTry::Counted)).count(), 10);
        assert_eq!(tries.iter().filter(|tried| **tried == Ok(VerifyTry::WornOut)).count(), 20);
        assert_eq!(users.find_user(email).await.unwrap().unwrap().verify_tries, 10);
    }
    // A newer sign-up has a link of its own, and so have its tries.
    users.add_user(&new_user(&email, "newer")).await.unwrap();
    assert_eq!(users.find_user(&email).await.unwrap().unwrap().verify_tries, 0);
    assert_eq!(users.count_verify_try(&email, &seen("newer")).await, Ok(VerifyTry::Counted));
    assert_eq!(users.mark_verified(&email, &seen("newer"), LATER, NOW).await, Ok(true));
    let item = item(&service, &email).await;
    assert!(!has(&item, "verifyTries") && !has(&item, "verifyTriedBy"));
}

#[tokio::test]
async fn every_new_password_raises_the_generation_and_forgets_the_failures_of_devices() {
    let (service, users) = Service::with_table();
    for email in [verified(&users, "generation").await, legacy_record(&service, "old").await] {
        let found = async || users.find_user(&email).await.unwrap().unwrap();
        let before = found().await;
        assert_eq!((before.password_generation, before.device_failures), (0, 0));
        users.count_device_failure(&email, 1).await.unwrap();
        users.count_device_failure(&email, 0).await.unwrap();
        users.count_device_failure(&email, 0).await.unwrap();
        assert_eq!(found().await.device_failures, 2, "only those of the present password count");
        assert_eq!(users.replace_password(&email, &before.password, &hash("second"), NOW).await, Ok(true));
        let changed = found().await;
        assert_eq!((changed.password_generation, changed.device_failures), (1, 0));
        users.count_device_failure(&email, 0).await.unwrap();
        users.count_device_failure(&email, 1).await.unwrap();
        assert_eq!(found().await.device_failures, 1);
        assert_eq!(users.renew_hash(&email, &changed.user_id, &stored("second"), &hash("better"), NOW).await, Ok(true));
        let renewed = found().await;
        assert_eq!((renewed.password_generation, renewed.device_failures), (1, 1), "the same password");
        assert_ne!(users.store_reset_token(&email, &token("another"), LATER, NOW).await.unwrap(), ResetFor::Nobody);
        assert_eq!(users.spend_reset_token(&email, &link("another"), &hash("third"), None, NOW).await, Ok(true));
        let reset = found().await;
        assert_eq!((reset.password_generation, reset.device_failures), (2, 0));
    }
}

#[tokio::test]
async fn a_reset_begins_an_account_anew_that_nobody_verified_and_leaves_one_alone_that_somebody_did() {
    let (service, users) = Service::with_table();
    let id = UserId::from_stored("of the mailbox".to_owned());
    for is_verified in [false, true] {
        let email = email("anew");
        let stranger = NewUser { name: latchkey_auth::Name::parse("Stranger").unwrap(), ..new_user(&email, "verify") };
        users.add_user(&stranger).await.unwrap();
        users.store_reset_token(&email, &token("lost"), LATER, NOW).await.unwrap();
        if is_verified {
            // In the meantime.
            assert_eq!(users.mark_verified(&email, &seen("verify"), LATER, NOW).await, Ok(true));
        }
        let reset = users.spend_reset_token(&email, &link("lost"), &hash("second"), Some(&id), NOW).await;
        assert_eq!(reset, Ok(!is_verified));
        let item = item(&service, &email).await;
        let user_id = item["userId"].as_s().unwrap();
        assert_eq!((has(&item, "name"), user_id == id.as_str()), (is_verified, !is_verified));
    }
}

#[tokio::test]
async fn an_account_that_was_brought_along_unverified_is_not_replaced_by_a_sign_up() {
    let (service, users) = Service::with_table();
    let email = email("brought");
    let user = ImportedUser {
        email: email.clone(),
        name: None,
        user_id: UserId::from_stored("brought".to_owned()),
        password: stored("theirs"),
        verified: false,
        created_at: NOW,
    };
    assert_eq!(users.import(&user).await, Ok(Imported::Written));
    let before = item(&service, &email).await;
    assert_eq!(users.add_user(&new_user(&email, "verify")).await, Ok(false));
    assert_eq!(item(&service, &email).await, before);
    assert_eq!(users.store_reset_token(&email, &token("lost"), LATER, NOW).await, Ok(ResetFor::Owner));
    // Nor one with a hash of the sample.
    let samples = self::email("brought");
    let hash = StoredHash::Legacy(LegacyHash { hash: "theirs".to_owned(), salt: "salt".to_owned() });
    assert_eq!(
        users.import(&ImportedUser { email: samples.clone(), password: hash, ..user }).await,
        Ok(Imported::Written)
    );
    assert_eq!(users.add_user(&new_user(&samples, "verify")).await, Ok(false));
    // Nor one that was brought by a version that did not note it.
    let mut former = before;
    former.remove("importedAt");
    service.put(former.clone()).await;
    assert_eq!(users.add_user(&new_user(&email, "verify")).await, Ok(false));
    assert_eq!(item(&service, &email).await, former);
    // A sign-up of the sample that nobody verified is replaced.
    let old = legacy_record(&service, "old").await;
    let mut unverified = item(&service, &old).await;
    unverified.insert("verified".to_owned(), AttributeValue::Bool(false));
    service.put(unverified).await;
    assert_eq!(users.add_user(&new_user(&old, "verify")).await, Ok(true));
}

#[tokio::test]
async fn a_sixth_reset_link_takes_the_place_of_the_oldest_and_one_of_a_former_version_is_honoured() {
    let (service, users) = Service::with_table();
    let email = verified(&users, "links").await;
    for number in 2..=MAX_RESET_LINKS + 1 {
        assert_eq!(
            users.store_reset_token(&email, &token(&format!("link{number}")), LATER, NOW).await,
            Ok(ResetFor::Owner)
        );
    }
    let out = users.find_user(&email).await.unwrap().unwrap().resets;
    assert_eq!(out, ["link6", "link5", "link4", "link3", "link2"].map(link));

    let former = self::email("former");
    users.add_user(&new_user(&former, "verify")).await.unwrap();
    let mut item = item(&service, &former).await;
    item.insert("lostTokenHash".to_owned(), AttributeValue::S(token("lost").encode()));
    item.insert("lostTokenExpiresAt".to_owned(), AttributeValue::N(LATER.0.to_string()));
    service.put(item).await;
    assert_eq!(users.find_user(&former).await.unwrap().unwrap().resets, [link("lost")]);
    assert_eq!(users.spend_reset_token(&former, &link("lost"), &hash("second"), None, NOW).await, Ok(true));
    assert!(!has(&service.item(former.as_str()).await.unwrap(), "lostTokenHash"));
}

#[tokio::test]
async fn a_sign_up_over_an_unverified_account_leaves_its_reset_links_alone_and_replaces_all_else() {
    let (service, users) = Service::with_table();
    let email = email("again");
    let first = NewUser { name: latchkey_auth::Name::parse("First").unwrap(), ..new_user(&email, "older") };
    assert_eq!(users.add_user(&first).await, Ok(true));
    assert_eq!(users.store_reset_token(&email, &token("lost"), LATER, NOW).await, Ok(ResetFor::Unverified));
    assert_eq!(users.add_user(&new_user(&email, "newer")).await, Ok(true));
    let item = item(&service, &email).await;
    assert!(has(&item, "resetLink1") && !has(&item, "name"));
    assert_eq!(item["userId"].as_s().unwrap(), "user of newer");
    assert_eq!(item["verifyTokenHash"].as_s().unwrap(), &token("newer").encode());

    let old = legacy_record(&service, "old").await;
    assert_eq!(users.add_user(&new_user(&old, "newer")).await, Ok(false), "it is verified");
}

#[tokio::test]
async fn the_outbox_keeps_quotas_as_the_model_does() {
    let (service, users) = Service::with_table();
    let (outbox, model) = (service.outbox_beside(&users), MemoryServices::default());
    let email = email("mailed");
    let (sign_up, reset, day) = (Quota::SignUp, Quota::Reset, Quota::AlreadyRegistered);
    let mut now = NOW;
    let mut granted = Vec::new();
    // How long to wait, which quota to use, and which of the uses so far is given back afterwards.
    for (step, (wait, quota, back)) in [
        (0, sign_up, None),
        (0, sign_up, None),
        (0, reset, None),
        (60, reset, None),
        (1, reset, Some(2)),
        (0, reset, Some(0)),
        (61, sign_up, Some(4)),
        (0, sign_up, None),
        (61, reset, None),
        (61, sign_up, Some(6)),
        (0, day, None),
        (0, day, None),
        (61, reset, None),
        (61, reset, None),
        (61, reset, None),
        (61, reset, Some(8)),
        (61, reset, None),
        (61, reset, None),
        (3_000, sign_up, None),
        (3_601, reset, None),
        (24 * 60 * 60, day, None),
    ]
    .into_iter()
    .enumerate()
    {
        now = now.plus(wait);
        let made = outbox.reserve_mail(quota, &email, now).await.unwrap();
        assert_eq!(made, model.reserve_mail(quota, &email, now).await.unwrap(), "step {step}");
        if made == Reservation::Granted {
            granted.push((quota, now));
        }
        if let Some((quota, at)) = back.and_then(|back: usize| granted.get(back).copied()) {
            outbox.release_mail(quota, &email, at).await.unwrap();
            model.release_mail(quota, &email, at).await.unwrap();
        }
    }
    let item = service.quota(reset, email.as_str()).await.unwrap();
    let expires: u64 = item["expiresAt"].as_n().unwrap().parse().unwrap();
    assert!(expires > now.0 - 24 * 60 * 60 + 60 * 60, "no use is forgotten before its hour is over");
    let latest = now;
    for wait in [0, 61, 61, 61, 61, 61] {
        now = now.plus(wait);
        outbox.reserve_mail(reset, &email, now).await.unwrap();
    }
    now = now.plus(61);
    let refused = Ok(Reservation::Throttled { retry_after: 3_601 - now.since(latest) });
    assert_eq!(outbox.reserve_mail(reset, &email, now).await, refused, "five in an hour");
    outbox.clear_quota(reset, &email).await.unwrap();
    assert_eq!(
        outbox.reserve_mail(reset, &email, now).await,
        Ok(Reservation::Granted),
        "all but the latest are forgotten"
    );
    outbox.clear_quota(reset, &email).await.unwrap();
    let refused = Ok(Reservation::Throttled { retry_after: 61 });
    assert_eq!(outbox.reserve_mail(reset, &email, now).await, refused, "the latest still keeps the next one apart");
}

#[tokio::test]
async fn of_200_requests_at_once_the_outbox_grants_one_and_of_200_mails_those_within_the_budget() {
    let (service, users) = Service::with_table();
    let outbox = service.outbox_beside(&users);
    let email = email("crowd");
    let made = join_all((0..200).map(|_| outbox.reserve_mail(Quota::Reset, &email, NOW))).await;
    assert_eq!(made.iter().filter(|made| **made == Ok(Reservation::Granted)).count(), 1);

    // An hour of the clock that no other test and no function uses.
    let hour = Timestamp(NOW.0 + 3_600 * u64::from(std::process::id()));
    let spent = join_all((0..200).map(|_| outbox.spend_budget(MailClass::SignUp, 7, hour))).await;
    assert_eq!(spent.iter().filter(|spent| **spent == Ok(true)).count(), 7);
    outbox.restore_budget(MailClass::SignUp, hour).await.unwrap();
    assert_eq!(outbox.spend_budget(MailClass::SignUp, 7, hour).await, Ok(true));
    assert_eq!(outbox.spend_budget(MailClass::SignUp, 7, hour).await, Ok(false));
    assert_eq!(outbox.spend_budget(MailClass::Notice, 0, hour).await, Ok(false));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_again_and_made_once() {
    let (service, users, lose) = Service::with_table_that_loses_answers();
    let email = email("lossy");
    let losing = || lose.store(true, Ordering::SeqCst);
    let was_lost = || assert!(!lose.load(Ordering::SeqCst), "no answer was lost");

    for number in 1..=3 {
        losing();
        let expected = Attempt::Counted { number, failures: number - 1 };
        assert_eq!(users.count_attempt(Throttle::Password(&email), NOW).await, Ok(expected));
        was_lost();
    }
    losing();
    users.count_success(Throttle::Password(&email)).await.unwrap();
    was_lost();
    let fourth = users.count_attempt(Throttle::Password(&email), NOW).await;
    assert_eq!(fourth, Ok(Attempt::Counted { number: 4, failures: 2 }), "one success was counted");
    let outbox = service.outbox_beside(&users);
    for quota in [Quota::SignUp, Quota::Reset] {
        losing();
        assert_eq!(outbox.reserve_mail(quota, &email, NOW).await, Ok(Reservation::Granted));
        was_lost();
        assert!(matches!(outbox.reserve_mail(quota, &email, NOW).await, Ok(Reservation::Throttled { .. })));
        losing();
        outbox.release_mail(quota, &email, NOW).await.unwrap();
        was_lost();
        assert_eq!(outbox.reserve_mail(quota, &email, NOW).await, Ok(Reservation::Granted));
    }

    losing();
    assert_eq!(users.add_user(&new_user(&email, "verify")).await, Ok(true));
    was_lost();
    losing();
    assert_eq!(users.count_verify_try(&email, &seen("verify")).await, Ok(VerifyTry::Counted));
    was_lost();
    assert_eq!(users.find_user(&email).await.unwrap().unwrap().verify_tries, 1, "counted once");
    losing();
    assert_eq!(users.mark_verified(&email, &seen("verify"), LATER, NOW).await, Ok(true));
    was_lost();
    losing();
    assert_eq!(users.store_reset_token(&email, &token("lost"), LATER, NOW).await, Ok(ResetFor::Owner));
    was_lost();
    assert_eq!(users.find_user(&email).await.unwrap().unwrap().resets, [link("lost")], "stored once");
    losing();
    assert_eq!(users.spend_reset_token(&email, &link("lost"), &hash("second"), None, NOW).await, Ok(true));
    was_lost();
    losing();
    assert_eq!(users.replace_password(&email, &stored("second"), &hash("third"), NOW).await, Ok(true));
    was_lost();
    assert_eq!(users.find_user(&email).await.unwrap().unwrap().password_generation, 2, "raised once by each");
    losing();
    let id = UserId::from_stored("user".to_owned());
    assert_eq!(users.renew_hash(&email, &id, &stored("third"), &hash("fourth"), NOW).await, Ok(true));
    was_lost();

    let old = legacy_record(&service, "old").await;
    let plain = PendingVerification::Plain(Token::from_stored("0123456789abcdef".to_owned()));
    losing();
    assert_eq!(users.mark_verified(&old, &plain, LATER, NOW).await, Ok(true));
    was_lost();
}
