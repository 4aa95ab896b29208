//! The fuzzer's checks of stored hashes (`fuzz/README.md`), with its seeds, on every run.

#[path = "../../../fuzz/checks/seeds.rs"]
mod seeds;
#[path = "../../../fuzz/checks/stored_hash.rs"]
mod stored_hash;

#[test]
fn every_hash_among_the_fuzzers_seeds_is_checked_by_the_rules() {
    let systems = ["argon2", "asp_net_", "bcrypt_", "django_", "latchkey_", "scrypt", "small_"];
    for (name, text) in seeds::of("stored_hash") {
        let of_a_system = systems.iter().any(|system| name.starts_with(system)) && name != "django_unusable";
        assert_eq!(stored_hash::check(&text), of_a_system || name.starts_with("most_"), "{name}");
    }
}
