//! What a model comes to, as the tables of `docs/cost.md`.

use crate::model::{LAMBDA, LAMBDA_ON_ARM, LINES, Load, MAILS, MAILS_WITHOUT_PLAN, PLANS};
use crate::prices::{Source, Tier};
use crate::workload::MAIL;
use crate::{FreeTier, Model, Operation};
use common::table::{Table, whole};

const BOTH: [FreeTier; 2] = [FreeTier::Used, FreeTier::Counted];

/// All tables, in the order of the page.
#[must_use]
pub fn tables(model: &Model) -> Vec<Table> {
    vec![
        month(model, Model::logins),
        month(model, Model::sign_ups),
        beside_cognito(model),
        break_even(model),
        millions(model),
        choices(model),
        operations(model),
        assumptions(model),
        prices(model),
    ]
}

/// Dollars, to four digits behind the point while there are no whole ones.
fn money(usd: f64) -> String {
    match usd {
        usd if usd <= 0.0 => "0".to_owned(),
        usd if usd < 0.0001 => "<0.0001".to_owned(),
        usd if usd < 1.0 => format!("{usd:.4}"),
        usd if usd < 1_000.0 => format!("{usd:.2}"),
        usd => whole(usd),
    }
}

/// A row for each line of the bill but these, and one for all of them.
fn bill(mut table: Table, model: &Model, without: &[&str], loads: &[(Load<'_>, FreeTier)]) -> Table {
    for line in LINES.into_iter().filter(|(name, _)| !without.contains(name)) {
        let cells = loads.iter().map(|(load, free)| money(model.usd(line, load, *free)));
        table.row(std::iter::once(model.price(line.0).title.clone()).chain(cells));
    }
    let cells = loads.iter().map(|(load, free)| money(model.total_usd(load, *free)));
    table.row(std::iter::once("**together**".to_owned()).chain(cells));
    table
}

fn month<'a>(model: &'a Model, load: impl Fn(&'a Model, f64) -> Load<'a>) -> Table {
    let volumes = model.workload.volumes;
    let columns = volumes.map(|volume| format!("| {} | with free tier", whole(volume))).concat();
    let loads = volumes.iter().flat_map(|volume| BOTH.map(|free| (load(model, *volume), free)));
    bill(Table::new(&columns), model, &[], &loads.collect::<Vec<_>>())
}

fn beside_cognito(model: &Model) -> Table {
    let row = |what: &str, volume: f64, load: &Load<'_>| {
        let mut row = vec![format!("{} {what}", whole(volume)), whole(load.users)];
        for free in BOTH {
            row.push(money(model.total_usd(load, free)));
            row.extend(PLANS.map(|(_, plan)| money(model.price(plan).usd(load.users, free))));
        }
        row
    };
    let header = "a month | active users | Latchkey | Lite | Essentials | Latchkey with free tier | Lite with free tier | \
                  Essentials with free tier";
    Table::new(header)
        .with(model.workload.volumes.map(|volume| row("logins", volume, &model.logins(volume))))
        .with(model.workload.volumes.map(|volume| row("sign-ups", volume, &model.sign_ups(volume))))
}

fn break_even(model: &Model) -> Table {
    let header = "plan | dearer than Latchkey from so many users a month, with free tiers | \
                  up to so many logins of each user a month, without";
    Table::new(header).with(PLANS.map(|(name, plan)| {
        vec![name.to_owned(), whole(model.users_at_break_even(plan)), whole(model.logins_at_break_even(plan))]
    }))
}

fn millions(model: &Model) -> Table {
    let operations = &model.workload.operations;
    let names: Vec<_> = operations.keys().filter(|name| *name != MAIL).collect();
    let columns = names.iter().fold(String::new(), |columns, name| columns + "| " + name);
    // Of these, only createUser leaves a record that was not there before; what is kept is in the tables above.
    let loads: Vec<_> = names.iter().map(|name| (model.load(&[name], 1e6, 0.0), FreeTier::Used)).collect();
    bill(Table::new(&columns), model, &["tableStorage", "tableRecovery"], &loads)
}

fn choices(model: &Model) -> Table {
    let arm = model.paying(LAMBDA_ON_ARM, LAMBDA);
    let elsewhere = Model { serves_pages: false, ..model.clone() };
    let all = Model { serves_pages: false, ..arm.paying(MAILS_WITHOUT_PLAN, MAILS) };
    let rows = [
        ("as deployed", model),
        ("`ARCHITECTURE` `arm64`, if it is as quick", &arm),
        ("SES without a plan", &model.paying(MAILS_WITHOUT_PLAN, MAILS)),
        ("pages from elsewhere, or fresh in the browser", &elsewhere),
        ("all three", &all),
    ];
    Table::new("| a million logins | a million sign-ups").with(rows.map(|(what, model)| {
        let usd = |load| money(model.total_usd(&load, FreeTier::Used));
        vec![what.to_owned(), usd(model.logins(1e6)), usd(model.sign_ups(1e6))]
    }))
}

fn operations(model: &Model) -> Table {
    let header = "| memory, MB | computes, ms | then waits for | billed warm, ms | GB-seconds, of a million | writes | reads | \
                  mails | answer, bytes | page, requests | page, bytes | seen before";
    Table::new(header).with(model.workload.operations.iter().map(|(name, operation)| {
        let Operation { memory_mb, compute_ms, waits, table_writes, table_reads, mails, answer_bytes, page } =
            operation;
        let mut row = vec![name.clone(), memory_mb.to_string(), compute_ms.to_string(), waits.join(", ")];
        row.extend([model.warm_ms(operation).to_string(), format!("{:.4}", model.gb_seconds(operation, 1e6))]);
        row.extend([table_writes, table_reads, mails, answer_bytes].map(f64::to_string));
        row.extend([page.requests, page.bytes, page.seen_before_share].map(|number| number.to_string()));
        row
    }))
}

fn assumptions(model: &Model) -> Table {
    let assumptions = model.workload.assumptions.iter();
    let rows = assumptions.map(|(name, of)| vec![format!("`{name}`"), of.value.to_string(), of.why.clone()]);
    Table::new("||").with(rows)
}

fn prices(model: &Model) -> Table {
    let tier = |tier: &Tier| tier.up_to.map_or(tier.usd.to_string(), |to| format!("{} to {}", tier.usd, whole(to)));
    let header = "| US dollars | for | free each month | published on | read in | on";
    Table::new(header).with(model.prices.values().map(|price| {
        let variant = price.variant.iter().map(|variant| format!(", {variant}"));
        let per = if price.per > 1.0 { format!("{} ", whole(price.per)) } else { String::new() };
        let read_in = match price.source {
            Source::Provider => "AWS's page, stored",
            Source::Transcript => "transcript",
            Source::Secondary => "article",
        };
        vec![
            std::iter::once(price.title.clone()).chain(variant).collect(),
            price.tiers.iter().map(tier).collect::<Vec<_>>().join(", then "),
            per + &price.unit,
            whole(price.free),
            format!("[{}]({})", price.page, price.url),
            read_in.to_owned(),
            price.looked_up.clone(),
        ]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_page_shows_what_the_program_prints() {
        let tables = tables(&Model::read().unwrap());
        let shown = common::table::are_published(crate::PAGE, "", &tables).unwrap();
        assert!(shown, "docs/cost.md is out of date: `cargo run --package cost-model`, and read its text again");
    }

    #[test]
    fn money_is_short_and_never_nothing_when_it_is_something() {
        for (usd, written) in [
            (0.0, "0"),
            (0.000_01, "<0.0001"),
            (0.0123, "0.0123"),
            (1.5, "1.50"),
            (999.99, "999.99"),
            (1_234.5, "1,234"),
            (12_345_678.0, "12,345,678"),
        ] {
            assert_eq!(money(usd), written);
        }
    }
}
