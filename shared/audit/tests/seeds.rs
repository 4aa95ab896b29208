//! The fuzzer's checks of sealed records (`fuzz/README.md`), with its seeds, on every run.

#[path = "../../../fuzz/checks/sealed_record.rs"]
mod sealed_record;
#[path = "../../../fuzz/checks/seeds.rs"]
mod seeds;

#[test]
fn every_record_among_the_fuzzers_seeds_is_opened_by_the_rules() {
    for (name, text) in seeds::of("sealed_record") {
        assert_eq!(sealed_record::check(&text), name.starts_with("opens"), "{name}");
    }
}
