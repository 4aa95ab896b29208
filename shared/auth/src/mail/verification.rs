//! Asks a new user to verify the address.

use super::{Mail, MailTemplates, Part};
use crate::account::email::Email;
use crate::email_link::{self, token::Token};

impl MailTemplates {
    pub(super) fn verification(&self, to: &Email, token: &Token) -> Mail {
        let service = &self.service;
        self.render(
            to,
            format!("Verify your e-mail address for {service}"),
            &[
                Part::Text(format!("Somebody, probably you, signed up for {service} with this e-mail address.")),
                Part::Link { label: "Verify this address", url: email_link::url(&self.verification_page, to, "verify", token) },
                Part::Text(
                    "The link works for 24 hours. If this was not you, do nothing: without the link there is no account."
                        .to_owned(),
                ),
            ],
        )
    }
}
