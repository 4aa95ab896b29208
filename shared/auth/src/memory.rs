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
use crate::device::DeviceKeys;
use crate::fault::Fault;
use crate::mail::MailTemplates;
use crate::mail::delivery::MailBudgets;
use crate::operation::{Needs, SettingsGroup};
use crate::password::policy::PasswordPolicy;
use crate::services::{AcceptPassword, HashingScheme, IssueToken, OpenIdToken, RevealAccounts, SignUpSettings};
use calls::Calls;
pub use clock::MemoryClock;
pub use compromised::MemoryCompromised;
use latchkey_keys::{KEY_BYTES, Key, KeyRing};
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
    /// The mail that was asked for, and sent.
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
    /// The budgets of the mail function.
    pub budgets: MailBudgets,
    /// Whether callers are told who has an account.
    pub reveal_accounts: bool,
    /// The keys of device tokens.
    pub device_keys: KeyRing,
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
            sign_up: SignUp { unverified_seconds: 7 * 24 * 60 * 60 },
            budgets: MailBudgets { sign_ups: 1_000, notices: 250 },
            reveal_accounts: false,
            device_keys: KeyRing::of("a", Key::from([1; KEY_BYTES])),
            templates: MailTemplates::new(
                "Example",
                "https://pages.example/verify.html".to_owned(),
                "https://pages.example/resetPassword.html".to_owned(),
            ),
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

    /// The most calls that have been under way at once since the last declaration: to the table, the outbox, the identity
    /// service, and the service that knows compromised passwords.
    #[must_use]
    pub fn most_calls(&self) -> [usize; 4] {
        let Calls { table, outbox, identities, compromised_passwords, .. } = &self.calls;
        [table, outbox, identities, compromised_passwords].map(calls::CallsTo::most)
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

impl RevealAccounts for MemoryServices {
    fn reveals_accounts(&self) -> bool {
        self.calls.read(SettingsGroup::RevealAccounts);
        self.reveal_accounts
    }
}

impl DeviceKeys for MemoryServices {
    fn device_keys(&self) -> &KeyRing {
        self.calls.read(SettingsGroup::DeviceKeys);
        &self.device_keys
    }
}
