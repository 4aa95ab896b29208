//! What these tests list by hand, beside the product's own list: an operation that is added must not stay untested unseen.

use crate::{audit, bad_input};
use latchkey::{Caller, Function, functions, settings};
use latchkey_auth::{
    ChangePassword, CreateUser, Login, LostPassword, Requirements, ResetPassword, SettingsGroup, VerifyUser,
};
use std::collections::BTreeSet;

fn listed(name: impl Fn(&Function) -> String, of: impl Fn(&Function) -> bool) -> BTreeSet<String> {
    functions().iter().filter(|function| of(function)).map(name).collect()
}

#[test]
fn the_mail_function_alone_may_send_mail_and_nobody_may_call_it() {
    let may_send = listed(Function::package, |function| function.allow.contains_key("Mail"));
    assert_eq!(may_send, named([harness::functions::MAIL]));
    let uncallable = listed(Function::package, |function| function.callers.is_empty());
    assert_eq!(uncallable, named([harness::functions::MAIL]));
}

fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_function_of_the_list_is_tested_with_failing_services() {
    let tested = harness::functions::FUNCTIONS.into_iter().chain([harness::functions::MAIL]);
    assert_eq!(named(tested), listed(Function::package, |_| true));
}

#[test]
fn the_log_of_every_function_of_the_list_is_searched_for_secrets() {
    assert_eq!(named(audit::GROUPS), listed(Function::resource, |_| true));
}

#[test]
fn every_function_that_guests_may_call_gets_bad_input() {
    let operations = named(bad_input::OPERATIONS.map(|(operation, _)| operation));
    assert_eq!(
        operations,
        listed(|function| function.name.clone(), |function| function.callers.contains(&Caller::Guests))
    );
}

/// The settings of a group, by their keys.
fn keys(group: SettingsGroup) -> &'static [&'static str] {
    match group {
        SettingsGroup::PasswordScheme => &["PASSWORD_HASH", "PASSWORD_HASH_ROUNDS"],
        SettingsGroup::PasswordPolicy => &["PASSWORD_MIN_LENGTH"],
        SettingsGroup::SignUp => &["UNVERIFIED_DAYS"],
        SettingsGroup::RevealAccounts => &["REVEAL_ACCOUNTS"],
        // Keys are no settings.
        SettingsGroup::DeviceKeys => &[],
    }
}

const GROUPS: [SettingsGroup; 4] = [
    SettingsGroup::PasswordScheme,
    SettingsGroup::PasswordPolicy,
    SettingsGroup::SignUp,
    SettingsGroup::RevealAccounts,
];

fn assert_agreed<O: Requirements>(name: &str) {
    let function = functions().iter().find(|function| function.name == name).expect("the list names it");
    let services = [("Users", O::NEEDS.table), ("Outbox", O::NEEDS.outbox), ("Identities", O::NEEDS.identities)];
    for (statement, used) in services {
        assert_eq!(function.allow.contains_key(statement), used.is_declared(), "{name} and {statement}");
    }
    let is_read = |key: &str| {
        let setting = settings().iter().find(|setting| setting.key == key).expect("the schema has it");
        setting.is_read_by(function)
    };
    assert_eq!(is_read("BREACHED_PASSWORDS_URL"), O::NEEDS.compromised_passwords.is_declared(), "{name}");
    for group in GROUPS {
        for key in keys(group) {
            assert_eq!(is_read(key), O::NEEDS.reads(group), "{name} and {key}");
        }
    }
}

#[test]
fn a_function_is_allowed_and_handed_exactly_what_its_operation_declares() {
    assert_agreed::<CreateUser>("createUser");
    assert_agreed::<VerifyUser>("verifyUser");
    assert_agreed::<Login>("login");
    assert_agreed::<ChangePassword>("changePassword");
    assert_agreed::<LostPassword>("lostPassword");
    assert_agreed::<ResetPassword>("resetPassword");
}
