//! The services in memory: what the adapters do, as plainly as it can be written.
//!
//! For tests of the operations, and the model that the adapters are tested against.

mod calls;
mod clock;
mod compromised;
mod mailer;
mod throttle;
mod users;

use crate::account::UserId;
use crate::account::create_user::SignUp;
use crate::fault::Fault;
use crate::mail::MailTemplates;
use crate::operation::{Needs, SettingsGroup};
use crate::password::policy::PasswordPolicy;
use crate::services::{
    AcceptPassword, HashingScheme, IssueToken, OpenIdToken, ResetPage, RevealAccounts, SignUpSettings, WriteMail,
};
use calls::Calls;
pub use clock::MemoryClock;
pub use compromised::MemoryCompromised;
use latchkey_salting::{Scheme, Schemes};
pub use mailer::MemoryMailer;
use std::cell::Cell;
use throttle::Counts;
pub use users::MemoryUsers;

/// Every service that an operation may ask for.
#[derive(Debug)]
pub struct MemoryServices {
    /// The accounts.
    pub users: MemoryUsers,
    /// The mail that was sent.
    pub mailer: MemoryMailer,
    /// The compromised passwords.
    pub compromised: MemoryCompromised,
    /// The clock.
    pub clock: MemoryClock,
    /// The scheme for new hashes, and the kinds that may remain.
    pub schemes: Schemes,
    /// The policy for new passwords.
    pub policy: PasswordPolicy,
    /// The settings of sign-ups.
    pub sign_up: SignUp,
    /// The page that a reset link opens.
    pub reset_page: String,
    /// Whether callers are told who has an account.
    pub reveal_accounts: bool,
    templates: MailTemplates,
    random: Cell<u64>,
    counts: Counts,
    calls: Calls,
}

impl Default for MemoryServices {
    fn default() -> Self {
        Self {
            users: MemoryUsers::default(),
            mailer: MemoryMailer::default(),
            compromised: MemoryCompromised::default(),
            clock: MemoryClock::default(),
            // The quickest scheme there is.
            schemes: Scheme::Argon2id.into(),
            policy: PasswordPolicy::default(),
            sign_up: SignUp {
                verification_page: "https://pages.example/verify.html".to_owned(),
                unverified_seconds: 7 * 24 * 60 * 60,
            },
            reset_page: "https://pages.example/resetPassword.html".to_owned(),
            reveal_accounts: false,
            templates: MailTemplates::new("Example"),
            random: Cell::default(),
            counts: Counts::default(),
            calls: Calls::default(),
        }
    }
}

impl MemoryServices {
    /// Declares what the next operation needs. Using anything else, or more of it at once, panics from now on.
    pub fn declare(&self, needs: Needs) {
        self.calls.declare(needs);
    }

    /// The most calls that have been under way at once since the last declaration: to the table, the mailer, the identity
    /// service, and the service that knows compromised passwords.
    #[must_use]
    pub fn most_calls(&self) -> [usize; 4] {
        let Calls { table, mailer, identities, compromised_passwords, .. } = &self.calls;
        [table, mailer, identities, compromised_passwords].map(calls::CallsTo::most)
    }
}

/// Identities that differ by the user's identifier.
impl IssueToken for MemoryServices {
    async fn issue_token(&self, user: &UserId) -> Result<OpenIdToken, Fault> {
        let _call = self.calls.identities.begin().await;
        Ok(OpenIdToken {
            identity_id: format!("region:{}", user.as_str()),
            token: format!("token of {}", user.as_str()),
        })
    }
}

impl WriteMail for MemoryServices {
    fn mail_templates(&self) -> &MailTemplates {
        self.calls.write_mail();
        &self.templates
    }
}

impl HashingScheme for MemoryServices {
    fn hashing_schemes(&self) -> &Schemes {
        self.calls.read(SettingsGroup::PasswordScheme);
        &self.schemes
    }
}

impl AcceptPassword for MemoryServices {
    fn password_policy(&self) -> &PasswordPolicy {
        self.calls.read(SettingsGroup::PasswordPolicy);
        &self.policy
    }
}

impl SignUpSettings for MemoryServices {
    fn sign_up(&self) -> &SignUp {
        self.calls.read(SettingsGroup::SignUp);
        &self.sign_up
    }
}

impl ResetPage for MemoryServices {
    fn reset_page(&self) -> &str {
        self.calls.read(SettingsGroup::ResetPage);
        &self.reset_page
    }
}

impl RevealAccounts for MemoryServices {
    fn reveals_accounts(&self) -> bool {
        self.calls.read(SettingsGroup::RevealAccounts);
        self.reveal_accounts
    }
}
