//! What holds for any payload of any operation.

use latchkey_auth::memory::MemoryServices;
use latchkey_auth::{
    ChangePassword, Contract, CreateUser, Done, Email, Login, LostPassword, Name, Operation, Outcome, Password,
    PasswordPolicy, Reason, Refusal, ResetPassword, Token, TokenHash, VerifyUser,
};
use serde_json::{Map, Value, json};

/// Takes a text through all six operations, and says which of them accept it.
pub(crate) fn check(text: &str) -> Vec<&'static str> {
    let services = MemoryServices::default();
    let accepting = [
        parse::<CreateUser>(&services, text, &["email", "password"]),
        parse::<VerifyUser>(&services, text, &["email", "verify"]),
        parse::<Login>(&services, text, &["email", "password"]),
        parse::<ChangePassword>(&services, text, &["email", "oldPassword", "newPassword"]),
        parse::<LostPassword>(&services, text, &["email"]),
        parse::<ResetPassword>(&services, text, &["email", "lost", "password"]),
    ];
    accepting.into_iter().flatten().collect()
}

fn parse<O: Operation<MemoryServices>>(
    services: &MemoryServices,
    text: &str,
    required: &[&str],
) -> Option<&'static str> {
    match O::parse(text, services) {
        Ok(_) => {
            accepted(text, O::CONTRACT, required);
            Some(O::CONTRACT.name)
        }
        Err(refusal) => {
            refused(refusal, O::CONTRACT);
            None
        }
    }
}

/// A refusal consists of fixed texts, so it cannot quote.
fn refused(refusal: Refusal, contract: Contract) {
    let reason = refusal.reason();
    let info = match reason {
        Reason::InvalidRequest => "The request is not of the documented form.",
        Reason::InvalidEmail => "This is not an e-mail address.",
        Reason::InvalidName => "A name has at most 100 characters, all on one line.",
        Reason::PasswordTooShort => "A password has at least 8 characters.",
        Reason::PasswordTooLong => "A password has at most 1,024 bytes.",
        Reason::PasswordTooCommon => {
            "This password is one of the first that others would try. Choose one that has nothing to do with you or this service."
        }
        Reason::InvalidToken => "This link is no longer valid. Ask for a new one.",
        other => panic!("{other:?} is no reason of a parser"),
    };
    let told = Outcome::<Done>::Refused(refusal).to_json(contract);
    assert_eq!(told, json!({ contract.flag: false, "reason": reason.as_str(), "info": info }));
}

/// What was accepted is read once more, without the operation's types: another way to the same fields.
fn accepted(text: &str, contract: Contract, required: &[&str]) {
    assert!(text.len() <= 32 * 1024, "{} bytes were accepted", text.len());
    let fields: Map<String, Value> = serde_json::from_str(text).expect("an object");
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    assert!(required.iter().all(|name| field(name).is_some()), "{text:?} lacks a field");

    let email = Email::parse(field("email").expect("required")).expect("an address");
    let address = email.as_str();
    assert_eq!(Email::parse(address).expect("an address").as_str(), address, "it is canonical");
    assert!(address.len() <= 254 && address.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));

    for (name, value) in &fields {
        match name.as_str() {
            "email" => {}
            "name" if contract.name == "createUser" => value.as_str().into_iter().for_each(well_named),
            "device" if ["login", "changePassword", "resetPassword"].contains(&contract.name) => {
                // Any text will do: one that is no token is as none.
                assert!(value.is_string() || value.is_null(), "{text:?}");
            }
            "password" if contract.name == "verifyUser" && value.is_null() => {}
            "password" | "oldPassword" | "newPassword" => {
                let password = value.as_str().expect("text");
                assert!((1..=1_024).contains(&password.len()), "{} bytes were accepted", password.len());
                if name != "oldPassword" && !["login", "verifyUser"].contains(&contract.name) {
                    let policy = PasswordPolicy::default().accept(Password::from(password), &email);
                    assert!(policy.is_ok(), "{password:?} went past the policy");
                }
            }
            "verify" | "lost" => possible_token(value.as_str().expect("text")),
            unknown => panic!("{} accepted the field {unknown:?}", contract.name),
        }
    }
}

fn well_named(text: &str) {
    if let Some(name) = Name::parse(text).expect("a name") {
        let name = name.as_str();
        assert!((1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control), "{name:?}");
        assert_eq!(name.lines().count(), 1, "{name:?}");
        assert_eq!(Name::parse(name).expect("a name").expect("still one").as_str(), name, "it is trimmed");
    }
}

fn possible_token(text: &str) {
    let token = Token::parse(text).expect("a token");
    assert_eq!(token.as_str(), text);
    assert!((1..=512).contains(&text.len()));
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text:?}");
    let hash = token.hash();
    assert_eq!(TokenHash::decode(&hash.encode()), Some(hash), "the table gives back what it was given");
}
