//! Tells an owner about attempts with wrong passwords.

use super::{Mail, MailTemplates, Part};
use crate::account::email::Email;

impl MailTemplates {
    pub(super) fn wrong_passwords(&self, to: &Email) -> Mail {
        let service = &self.service;
        self.render(
            to,
            format!("Wrong passwords for your account at {service}"),
            &[
                Part::Text(format!(
                    "Somebody has tried several wrong passwords for your account at {service}. From now on every further try has to wait, up to a quarter of an hour."
                )),
                Part::Text(
                    "If this was you and you forgot your password, choose \u{201c}Forgot your password?\u{201d} on the login page: that works at once and ends the waiting. If it was not you, you need not do anything: a good password is not found this way."
                        .to_owned(),
                ),
            ],
        )
    }
}
