//! The relay's credentials: a secret of Secrets Manager with the JSON `{"username": …, "password": …}`.

use crate::smtp::{Login, Logins};
use aws_sdk_secretsmanager::Client;
use latchkey_auth::Cause;
use latchkey_aws::SdkConfig;
use serde::Deserialize;
use std::cell::RefCell;
use zeroize::Zeroizing;

/// Reads a secret when it is first needed, and again after the relay refused it.
pub struct SecretLogins {
    client: latchkey_aws::Client<Client>,
    secret: Option<String>,
    known: RefCell<Option<Login>>,
}

impl SecretLogins {
    /// Reads the secret with this ARN; without one nobody logs in.
    #[must_use]
    pub fn new(aws: &SdkConfig, secret: Option<String>) -> Self {
        Self { client: latchkey_aws::client(aws, Client::new), secret, known: RefCell::new(None) }
    }
}

#[derive(Deserialize)]
struct Content {
    username: String,
    password: String,
}

/// Reads the content of a secret. The error of what cannot be read does not quote it.
fn parse(text: &str) -> Option<Login> {
    let Content { username, password } = serde_json::from_str(text).ok()?;
    Some(Login { username, password: Zeroizing::new(password) })
}

impl Logins for SecretLogins {
    async fn login(&self) -> Result<Option<Login>, Cause> {
        let Some(secret) = &self.secret else { return Ok(None) };
        if let Some(login) = self.known.borrow().clone() {
            return Ok(Some(login));
        }
        let read = self.client.get_secret_value().secret_id(secret).send().await;
        let read = read.map_err(|error| latchkey_aws::cause(&error))?;
        let login = read.secret_string().and_then(parse).ok_or_else(|| Cause::code("secret"))?;
        *self.known.borrow_mut() = Some(login.clone());
        Ok(Some(login))
    }

    fn forget(&self) {
        self.known.borrow_mut().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_name_and_a_password_and_is_never_shown() {
        let login = parse(r#"{"username":"notifier","password":"hunter2","engine":"smtp"}"#).unwrap();
        assert_eq!((login.username.as_str(), login.password.as_str()), ("notifier", "hunter2"));
        assert_eq!(format!("{login:?}"), "Login([redacted])");
        for text in ["", "hunter2", r#"{"username":"notifier"}"#] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
