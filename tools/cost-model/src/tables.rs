//! What a model comes to, as Markdown tables.

use crate::{Architecture, FreeTier, Line, Load, MailPlan, Model, Pages, Plan, Price, Wait};
use std::fmt;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its heading, which is not part of its Markdown.
    pub title: String,
    /// The names of its columns.
    pub header: Vec<String>,
    /// Its rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(title: &str, header: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self { title: title.to_owned(), header: header.iter().map(|&name| name.to_owned()).collect(), rows }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.header.join(" | "))?;
        writeln!(f, "{}|", "|---".repeat(self.header.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}

/// All tables, in the order of `docs/cost.md`.
#[must_use]
pub fn tables(model: &Model) -> Vec<Table> {
    vec![
        month(model, "Logins a month, US dollars", Model::logins),
        month(model, "Sign-ups a month, US dollars", Model::sign_ups),
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
        usd => count(usd),
    }
}

/// A whole number with its thousands apart.
fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut written = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

fn month<'a>(model: &'a Model, title: &str, load: impl Fn(&'a Model, f64) -> Load<'a>) -> Table {
    let volumes = model.workload.volumes;
    let mut header = vec![String::new()];
    for volume in volumes {
        header.extend([count(volume), "with free tier".to_owned()]);
    }
    let row = |title: &str, usd: &dyn Fn(&Load<'_>, FreeTier) -> f64| {
        let mut row = vec![title.to_owned()];
        for volume in volumes {
            let load = load(model, volume);
            row.extend([FreeTier::Used, FreeTier::Counted].map(|free| money(usd(&load, free))));
        }
        row
    };
    let mut rows: Vec<_> =
        Line::ALL.iter().map(|line| row(line.title(), &|load, free| model.usd(*line, load, free))).collect();
    rows.push(row("**together**", &|load, free| model.total_usd(load, free)));
    Table { title: title.to_owned(), header, rows }
}

fn beside_cognito(model: &Model) -> Table {
    let row = |what: &str, volume: f64, load: &Load<'_>| {
        let mut row = vec![format!("{} {what}", count(volume)), count(load.users)];
        for free in [FreeTier::Used, FreeTier::Counted] {
            row.push(money(model.total_usd(load, free)));
            row.extend([Plan::Lite, Plan::Essentials].map(|plan| money(model.cognito_usd(plan, load.users, free))));
        }
        row
    };
    let volumes = model.workload.volumes;
    let logins = volumes.iter().map(|volume| row("logins", *volume, &model.logins(*volume)));
    let sign_ups = volumes.iter().map(|volume| row("sign-ups", *volume, &model.sign_ups(*volume)));
    Table::new(
        "Beside Cognito user pools, US dollars a month",
        &[
            "a month",
            "active users",
            "Latchkey",
            "Lite",
            "Essentials",
            "Latchkey with free tier",
            "Lite with free tier",
            "Essentials with free tier",
        ],
        logins.chain(sign_ups).collect(),
    )
}

fn break_even(model: &Model) -> Table {
    let rows = [("Lite", Plan::Lite), ("Essentials", Plan::Essentials)].map(|(name, plan)| {
        vec![name.to_owned(), count(model.users_at_break_even(plan)), count(model.logins_at_break_even(plan))]
    });
    Table::new(
        "Break-even with Cognito user pools",
        &[
            "plan",
            "dearer than Latchkey from so many users a month, with free tiers",
            "up to so many logins of each user a month, without",
        ],
        rows.into(),
    )
}

fn millions(model: &Model) -> Table {
    let operations = model.workload.operations.all();
    // Of these, only createUser leaves a record that was not there before; what is kept is in the tables above.
    let load = |operation| Load { calls: vec![(operation, 1e6)], users: 0.0 };
    let mut rows = Vec::new();
    for line in Line::ALL {
        if matches!(line, Line::TableStorage | Line::TableRecovery) {
            continue;
        }
        let mut row = vec![line.title().to_owned()];
        row.extend(operations.map(|(_, operation)| money(model.usd(line, &load(operation), FreeTier::Used))));
        rows.push(row);
    }
    let mut together = vec!["**together**".to_owned()];
    together.extend(operations.map(|(_, operation)| money(model.total_usd(&load(operation), FreeTier::Used))));
    rows.push(together);
    let mut header = vec![""];
    header.extend(operations.map(|(name, _)| name));
    Table::new("A million calls in a month, US dollars, nothing free, without what is stored", &header, rows)
}

fn choices(model: &Model) -> Table {
    let arm = Model { architecture: Architecture::Arm, ..model.clone() };
    let a_la_carte = Model { mail_plan: MailPlan::ALaCarte, ..model.clone() };
    let elsewhere = Model { pages: Pages::Elsewhere, ..model.clone() };
    let all = Model { mail_plan: MailPlan::ALaCarte, pages: Pages::Elsewhere, ..arm.clone() };
    let rows = [
        ("as deployed", model),
        ("`ARCHITECTURE` `arm64`, if it is as quick", &arm),
        ("SES without a plan", &a_la_carte),
        ("pages from elsewhere, or fresh in the browser", &elsewhere),
        ("all three", &all),
    ]
    .map(|(what, model)| {
        let [logins, sign_ups] =
            [model.logins(1e6), model.sign_ups(1e6)].map(|load| money(model.total_usd(&load, FreeTier::Used)));
        vec![what.to_owned(), logins, sign_ups]
    });
    Table::new(
        "What an owner can choose, US dollars, nothing free",
        &["", "a million logins", "a million sign-ups"],
        rows.into(),
    )
}

fn operations(model: &Model) -> Table {
    let wait = |wait: &Wait| match wait {
        Wait::Table => "table",
        Wait::Identity => "identity",
        Wait::Mail => "mail",
    };
    let rows = model.workload.operations.all().map(|(name, operation)| {
        let waits: Vec<_> = operation.waits.iter().map(wait).collect();
        vec![
            name.to_owned(),
            operation.memory_mb.to_string(),
            operation.compute_ms.to_string(),
            waits.join(", "),
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
    });
    Table::new(
        "What a call uses",
        &[
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
        ],
        rows.into(),
    )
}

fn assumptions(model: &Model) -> Table {
    let rows = model.workload.assumptions.all();
    let rows = rows.map(|(name, assumed)| vec![format!("`{name}`"), assumed.value.to_string(), assumed.why.clone()]);
    Table::new("What is assumed", &["", "", ""], rows.into())
}

fn prices(model: &Model) -> Table {
    let x86 = Model { architecture: Architecture::X86, mail_plan: MailPlan::Essentials, ..model.clone() };
    let mut named: Vec<(&str, &Price)> = Vec::new();
    for line in Line::ALL {
        match line {
            Line::LambdaGbSeconds => named.extend([
                ("Lambda, GB-seconds, `x86_64`", x86.price(line)),
                ("Lambda, GB-seconds, `arm64`", &model.prices.lambda_gb_seconds_arm),
            ]),
            Line::Mails => named.extend([
                ("SES, mails, plan Essentials", x86.price(line)),
                ("SES, mails, no plan", &model.prices.mails_a_la_carte),
            ]),
            line => named.push((line.title(), x86.price(line))),
        }
    }
    named.extend([
        ("Cognito user pools, Lite", model.cognito(Plan::Lite)),
        ("Cognito user pools, Essentials", model.cognito(Plan::Essentials)),
    ]);
    let rows = named.into_iter().map(|(name, price)| {
        let tier = |tier: &crate::Tier| {
            tier.up_to.map_or_else(|| tier.usd.to_string(), |to| format!("{} to {}", tier.usd, count(to)))
        };
        let tiers: Vec<_> = price.tiers.iter().map(tier).collect();
        let unit = if price.per > 1.0 { format!("{} {}", count(price.per), price.unit) } else { price.unit.clone() };
        vec![
            name.to_owned(),
            tiers.join(", then "),
            unit,
            count(price.free),
            format!("[{}]({})", price.page, price.url),
            price.source.word().to_owned(),
            price.looked_up.clone(),
        ]
    });
    Table::new(
        &format!("Prices in {}", model.region),
        &["", "US dollars", "for", "free each month", "published on", "read in", "on"],
        rows.collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn every_row_is_as_long_as_its_header() {
        for table in tables(&Model::ours()) {
            assert!(table.rows.iter().all(|row| row.len() == table.header.len()), "{}", table.title);
            assert!(table.rows.iter().flatten().all(|cell| !cell.contains('|')), "{}", table.title);
        }
    }
}
