//! What `docs/scale.md` shows is what the program says.

use storm::{chart, quotas, report, scenarios};

const AGAIN: &str = "run `cargo run -p storm` where the repository begins, and read what changed";

#[test]
fn the_tables_and_the_chart_are_those_that_the_program_writes() {
    let document = |name| std::fs::read_to_string(format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let known = quotas::Known::read().unwrap();
    let story = scenarios::tell(&known).unwrap();
    let scale = document("scale.md");
    let placed = report::placed(&scale, &report::report(&known, &story).unwrap());
    assert!(placed.as_deref() == Some(&scale[..]), "docs/scale.md has other tables: {AGAIN}");
    assert!(document("images/storm.svg") == chart::chart(&story), "docs/images/storm.svg is another chart: {AGAIN}");
}
