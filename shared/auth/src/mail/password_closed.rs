//! Tells an owner that an account is closed to unknown devices, after too many wrong passwords.

use super::{Mail, MailTemplates, Part};
use crate::account::email::Email;

impl MailTemplates {
    pub(super) fn password_closed(&self, to: &Email) -> Mail {
        let service = &self.service;
        self.render(
            to,
            format!("Choose a new password for your account at {service}"),
            &[
                Part::Text(format!(
                    "Somebody has tried a hundred wrong passwords for your account at {service}. To protect it, the present password is no longer accepted on devices that did not log in before."
                )),
                Part::Text(
                    "To log in on another device, choose \u{201c}Forgot your password?\u{201d} on the login page and set a new password, or change your password on a device where you log in as usual. Either works at once."
                        .to_owned(),
                ),
            ],
        )
    }
}
