//! A guard that judges a change before it is made: a template with its parameters, a change set, or one resource as a hook of
//! `CloudFormation` is shown it.
//!
//! The rules are data ([`rules`]). A template is read with the line of every value ([`document`]), its functions are carried out as
//! far as that is possible before a deployment, in every state of its conditions ([`template`]), and then each rule looks at the
//! resources that it is about ([`judge`]). What cannot be read, worked out or understood is refused: the guard is never open by
//! accident.

pub mod changes;
mod checks;
pub mod date;
pub mod document;
pub mod judge;
pub mod parameters;
pub mod policy;
pub mod rules;
pub mod template;
pub mod value;

pub use date::Date;
pub use judge::{Finding, Judgement, Law};
pub use template::{Given, Template, Values};
