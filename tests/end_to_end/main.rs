//! Latchkey as its users meet it: the deployed functions behind the Invoke API with Cognito's credentials, and the pages
//! in a real browser. All on the local cloud, which enforces IAM.
//!
//! `./local.sh --detach` starts it; `LATCHKEY_ENV` names the file of addresses that it wrote, if that is not `.local/env`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "the services tested here run on the real time")]

mod account;
mod audit;
mod bad_input;
mod browser;
mod deployed;
mod devices;
mod faults;
mod former_hashes;
mod import;
mod journeys;
mod keys;
mod lambdauth;
mod limits;
mod lists;
mod load;
mod pages;
mod permissions;
mod sample;
mod sample_pages;
mod scripts;
mod service;
mod set_up;
mod table;
