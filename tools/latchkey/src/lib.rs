//! What the scripts do not do themselves. Two lists say what there is, each in one place: `config.schema.json` the settings and
//! `stacks/functions.toml` the functions. The template, its parameters and the tables of the documentation come from them.

pub mod audit;
mod check;
mod effective;
mod former;
mod functions;
mod guard;
mod notifier;
mod parameters;
mod plan;
mod regions;
pub mod ring;
mod settings;
mod site;
mod table;
mod template;
mod write;

pub use check::{Problem, check};
pub use effective::{effective, has_alarms, shell};
pub use former::{Deployed, former};
pub use functions::{Caller, Function, KeyKind, NOTIFIER, TRIGGER, Trial, functions};
pub use guard::{Case, guard, guard_all};
pub use latchkey_guard::Date;
pub use notifier::NotifierSetup;
pub use parameters::parameters;
pub use plan::{Plan, plan};
pub use settings::{Setting, settings};
pub use site::site;
pub use table::with_table;
pub use template::{bootstrap, notifier, template};
pub use write::write;
