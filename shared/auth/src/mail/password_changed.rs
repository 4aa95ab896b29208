//! Tells an owner that the password was changed.

use super::{Mail, MailTemplates, Part};
use crate::account::email::Email;
use crate::time::Timestamp;

impl MailTemplates {
    pub(super) fn password_changed(&self, to: &Email, reset_links_until: Option<Timestamp>) -> Mail {
        let service = &self.service;
        let mut parts = vec![Part::Text(format!("The password of your account at {service} was just changed."))];
        // Whoever changed the password may have been a thief, and so may whoever asked for a link.
        if let Some(until) = reset_links_until {
            parts.push(Part::Text(format!(
                "A link to choose a new password was mailed to you before. It still works until {until}."
            )));
        }
        parts.push(Part::Text(
            "If this was not you, choose \u{201c}Forgot your password?\u{201d} on the login page at once: it sends a link to this mailbox, and the new password replaces the one you did not choose."
                .to_owned(),
        ));
        self.render(to, format!("Your password for {service} was changed"), &parts)
    }
}
