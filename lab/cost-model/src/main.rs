//! Prints the tables of `docs/cost.md`, and puts them there.

fn main() -> anyhow::Result<()> {
    let tables = cost_model::tables(&cost_model::Model::read()?);
    common::table::publish(cost_model::PAGE, "", &tables)
}
