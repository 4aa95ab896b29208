//! Carries the link to choose a new password.

use super::{Mail, MailTemplates, Part};
use crate::account::email::Email;
use crate::email_link::{self, token::Token};

impl MailTemplates {
    pub(super) fn reset(&self, to: &Email, token: &Token) -> Mail {
        let service = &self.service;
        self.render(
            to,
            format!("Choose a new password for {service}"),
            &[
                Part::Text(format!("Somebody, probably you, asked for a new password for your account at {service}.")),
                Part::Link { label: "Choose a new password", url: email_link::url(&self.reset_page, to, "lost", token) },
                Part::Text(
                    "The link works for one hour and once. If this was not you, do nothing: your password stays as it is."
                        .to_owned(),
                ),
            ],
        )
    }
}
