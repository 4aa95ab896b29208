//! Tells an owner that the password was changed.

use super::{Mail, MailTemplates, Part};
use crate::account::email::Email;

impl MailTemplates {
    pub(crate) fn password_changed(&self, to: &Email) -> Mail {
        let service = &self.service;
        self.render(
            to,
            format!("Your password for {service} was changed"),
            &[
                Part::Text(format!("The password of your account at {service} was just changed.")),
                Part::Text(
                    "If this was not you, choose \u{201c}Forgot your password?\u{201d} on the login page at once: it sends a link to this mailbox, and the new password replaces the one you did not choose."
                        .to_owned(),
                ),
            ],
        )
    }
}
