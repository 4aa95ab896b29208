//! The fuzzer's checks of payloads, device tokens and range services' answers (`fuzz/README.md`), with its seeds, on every run.

#[path = "../../../fuzz/checks/breached_range.rs"]
mod breached_range;
#[path = "../../../fuzz/checks/device_token.rs"]
mod device_token;
#[path = "../../../fuzz/checks/payload.rs"]
mod payload;
#[path = "../../../fuzz/checks/seeds.rs"]
mod seeds;

#[test]
fn every_payload_among_the_fuzzers_seeds_is_checked_by_the_rules() {
    for (name, text) in seeds::of("payload") {
        let accepting = payload::check(&text);
        // A seed that is named for an operation is its proper payload.
        let is_for = |operation: &&str| name == snake_case(operation);
        let operations = ["createUser", "verifyUser", "login", "changePassword", "lostPassword", "resetPassword"];
        if let Some(operation) = operations.iter().find(|operation| is_for(operation)) {
            assert!(accepting.contains(operation), "{name}");
        }
    }
}

fn snake_case(operation: &str) -> String {
    operation.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase())).collect()
}

#[test]
fn every_range_among_the_fuzzers_seeds_is_read_by_the_rules() {
    let found = |name: &str| matches!(name, "found" | "lower_case");
    for (name, text) in seeds::of("breached_range") {
        let holds = breached_range::check(&text);
        assert!(holds || !found(&name), "{name}");
    }
}

#[test]
fn of_the_device_tokens_among_the_fuzzers_seeds_the_one_is_read_that_this_service_made() {
    for (name, text) in seeds::of("device_token") {
        assert_eq!(device_token::check(&text), name == "read", "{name}");
    }
}
