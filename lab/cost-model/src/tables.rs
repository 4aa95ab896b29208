//! What a model comes to, as the tables of `docs/cost.md`.

use crate::model::{Line, Load, PLANS};
use crate::prices::{Source, Tier};
use crate::{FreeTier, Model};
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

fn month<'a>(model: &'a Model, load: impl Fn(&'a Model, f64) -> Load<'a>) -> Table {
    let volumes = model.workload.volumes;
    let columns = volumes.iter().flat_map(|volume| [whole(*volume), "with free tier".to_owned()]);
    let row = |title: &str, usd: &dyn Fn(&Load<'_>, FreeTier) -> f64| {
        let cells = volumes.iter().map(|volume| load(model, *volume));
        let cells = cells.flat_map(|load| BOTH.map(|free| money(usd(&load, free))));
        std::iter::once(title.to_owned()).chain(cells).collect()
    };
    Table::new(std::iter::once(String::new()).chain(columns))
        .with(Line::ALL.map(|line| row(line.title(), &|load, free| model.usd(line, load, free))))
        .with([row("**together**", &|load, free| model.total_usd(load, free))])
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
    Table::new([
        "a month",
        "active users",
        "Latchkey",
        "Lite",
        "Essentials",
        "Latchkey with free tier",
        "Lite with free tier",
        "Essentials with free tier",
    ])
    .with(model.workload.volumes.map(|volume| row("logins", volume, &model.logins(volume))))
    .with(model.workload.volumes.map(|volume| row("sign-ups", volume, &model.sign_ups(volume))))
}

fn break_even(model: &Model) -> Table {
    let header = [
        "plan",
        "dearer than Latchkey from so many users a month, with free tiers",
        "up to so many logins of each user a month, without",
    ];
    Table::new(header).with(PLANS.map(|(name, plan)| {
        vec![name.to_owned(), whole(model.users_at_break_even(plan)), whole(model.logins_at_break_even(plan))]
    }))
}

fn millions(model: &Model) -> Table {
    let operations = &model.workload.operations;
    let row = |title: &str, usd: &dyn Fn(&Load<'_>) -> f64| {
        // Of these, only createUser leaves a record that was not there before; what is kept is in the tables above.
        let loads = operations.values().map(|operation| Load { calls: vec![(operation, 1e6)], users: 0.0 });
        std::iter::once(title.to_owned()).chain(loads.map(|load| money(usd(&load)))).collect::<Vec<_>>()
    };
    let lines = Line::ALL.into_iter().filter(|line| !matches!(line, Line::TableStorage | Line::TableRecovery));
    Table::new(std::iter::once("").chain(operations.keys().map(String::as_str)))
        .with(lines.map(|line| row(line.title(), &|load| model.usd(line, load, FreeTier::Used))))
        .with([row("**together**", &|load| model.total_usd(load, FreeTier::Used))])
}

fn choices(model: &Model) -> Table {
    let arm = Model { lambda: "lambdaGbSecondsArm", ..model.clone() };
    let without_plan = Model { mails: "mailsALaCarte", ..model.clone() };
    let elsewhere = Model { serves_pages: false, ..model.clone() };
    let all = Model { mails: without_plan.mails, serves_pages: false, ..arm.clone() };
    let rows = [
        ("as deployed", model),
        ("`ARCHITECTURE` `arm64`, if it is as quick", &arm),
        ("SES without a plan", &without_plan),
        ("pages from elsewhere, or fresh in the browser", &elsewhere),
        ("all three", &all),
    ];
    Table::new(["", "a million logins", "a million sign-ups"]).with(rows.map(|(what, model)| {
        let usd = |load| money(model.total_usd(&load, FreeTier::Used));
        vec![what.to_owned(), usd(model.logins(1e6)), usd(model.sign_ups(1e6))]
    }))
}

fn operations(model: &Model) -> Table {
    let header = [
        "",
        "memory, MB",
        "computes, ms",
        "then waits for",
        "billed warm, ms",
        "GB-seconds, of a million",
        "writes",
        "reads",
        "mails",
        "answer, bytes",
        "page, requests",
        "page, bytes",
        "seen before",
    ];
    Table::new(header).with(model.workload.operations.iter().map(|(name, operation)| {
        vec![
            name.clone(),
            operation.memory_mb.to_string(),
            operation.compute_ms.to_string(),
            operation.waits.join(", "),
            model.warm_ms(operation).to_string(),
            format!("{:.4}", model.gb_seconds(operation, 1e6)),
            operation.table_writes.to_string(),
            operation.table_reads.to_string(),
            operation.mails.to_string(),
            operation.answer_bytes.to_string(),
            operation.page.requests.to_string(),
            operation.page.bytes.to_string(),
            operation.page.seen_before_share.to_string(),
        ]
    }))
}

fn assumptions(model: &Model) -> Table {
    let assumptions = model.workload.assumptions.iter();
    let rows = assumptions.map(|(name, of)| vec![format!("`{name}`"), of.value.to_string(), of.why.clone()]);
    Table::new([""; 3]).with(rows)
}

fn prices(model: &Model) -> Table {
    let mut named: Vec<(String, &str)> = Vec::new();
    for line in Line::ALL {
        let title = line.title();
        match line {
            Line::LambdaGbSeconds => named.extend([
                (format!("{title}, `x86_64`"), "lambdaGbSecondsX86"),
                (format!("{title}, `arm64`"), "lambdaGbSecondsArm"),
            ]),
            Line::Mails => named.extend([
                (format!("{title}, plan Essentials"), "mails"),
                (format!("{title}, no plan"), "mailsALaCarte"),
            ]),
            line => named.push((title.to_owned(), model.price_name(line))),
        }
    }
    named.extend(PLANS.map(|(name, plan)| (format!("Cognito user pools, {name}"), plan)));
    let tier = |tier: &Tier| tier.up_to.map_or(tier.usd.to_string(), |to| format!("{} to {}", tier.usd, whole(to)));
    Table::new(["", "US dollars", "for", "free each month", "published on", "read in", "on"]).with(
        named.into_iter().map(|(name, price)| {
            let price = model.price(price);
            let unit =
                if price.per > 1.0 { format!("{} {}", whole(price.per), price.unit) } else { price.unit.clone() };
            let read_in = match price.source {
                Source::Provider => "AWS's page, stored",
                Source::Transcript => "transcript",
                Source::Secondary => "article",
            };
            vec![
                name,
                price.tiers.iter().map(tier).collect::<Vec<_>>().join(", then "),
                unit,
                whole(price.free),
                format!("[{}]({})", price.page, price.url),
                read_in.to_owned(),
                price.looked_up.clone(),
            ]
        }),
    )
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
