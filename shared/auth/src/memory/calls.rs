//! How many calls to each service are under way, held against what the running operation declares.

use crate::operation::{Needs, SettingsGroup, Use};
use std::cell::Cell;

/// The calls to all services. Until an operation declares its needs, everything is allowed.
#[derive(Debug, Default)]
pub(super) struct Calls {
    needs: Cell<Option<Needs>>,
    pub(super) table: CallsTo,
    pub(super) outbox: CallsTo,
    pub(super) identities: CallsTo,
    pub(super) compromised_passwords: CallsTo,
}

impl Calls {
    /// From now on, a call that is not declared panics.
    pub(super) fn declare(&self, needs: Needs) {
        self.needs.set(Some(needs));
        self.table.declare(needs.table);
        self.outbox.declare(needs.outbox);
        self.identities.declare(needs.identities);
        self.compromised_passwords.declare(needs.compromised_passwords);
    }

    /// From now on, everything is allowed.
    pub(super) fn allow_everything(&self) {
        self.needs.set(None);
        for calls in [&self.table, &self.outbox, &self.identities, &self.compromised_passwords] {
            calls.declared.set(None);
        }
    }

    /// Panics unless this group of settings is declared.
    pub(super) fn read(&self, group: SettingsGroup) {
        assert!(self.needs.get().is_none_or(|needs| needs.reads(group)), "{group:?} is read and not declared");
    }
}

/// The calls to one service.
#[derive(Debug, Default)]
pub(super) struct CallsTo {
    declared: Cell<Option<Use>>,
    under_way: Cell<usize>,
    most: Cell<usize>,
}

impl CallsTo {
    fn declare(&self, declared: Use) {
        self.declared.set(Some(declared));
        self.most.set(0);
    }

    /// The most calls that have been under way at once.
    pub(super) fn most(&self) -> usize {
        self.most.get()
    }

    /// Begins a call, which is under way until the returned guard is dropped. Calls that an operation joins meet here,
    /// since each waits for a turn of the event loop.
    pub(super) async fn begin(&self) -> UnderWay<'_> {
        let calls = self.under_way.get() + 1;
        if let Some(declared) = self.declared.get() {
            assert!(calls <= declared.at_once(), "{calls} calls are under way, {declared:?} is declared");
        }
        self.under_way.set(calls);
        self.most.set(self.most.get().max(calls));
        let call = UnderWay(&self.under_way);
        tokio::task::yield_now().await;
        call
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a Cell<usize>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
