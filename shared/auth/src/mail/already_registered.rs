//! Tells an owner that somebody tried to sign up with their address.

use super::{Mail, MailTemplates, Part};
use crate::account::email::Email;

impl MailTemplates {
    pub(super) fn already_registered(&self, to: &Email) -> Mail {
        let service = &self.service;
        self.render(
            to,
            format!("You already have an account at {service}"),
            &[
                Part::Text(format!(
                    "Somebody, probably you, tried to sign up for {service} with this e-mail address, which has an account already. Nothing was changed."
                )),
                Part::Text(
                    "If this was you, log in, or choose \u{201c}Forgot your password?\u{201d} there. If it was not, you need not do anything."
                        .to_owned(),
                ),
            ],
        )
    }
}
