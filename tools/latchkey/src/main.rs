//! The program behind the scripts. Each command does one thing that a shell script cannot do well:
//!
//! - `check FILE`: reports every mistake of a configuration, a line for each, by key
//! - `shell FILE`: the same check, and then the values in force as assignments for a shell
//! - `write FILE KEY=VALUE…`: sets keys and leaves the rest of the file as it is
//! - `site FILE WEB OUT [ENDPOINT]`: makes the pages as they are served
//! - `functions FILE`: a line for each function that the configuration asks for: its name in the stack and its package
//! - `parameters FILE TEMPLATE KEY[=VALUE|@FILE]…`: the stack's parameters as JSON; `KEY` alone keeps the stack's value, and
//!   `KEY@FILE` takes it from a file, so that a secret is no argument
//! - `ring first`, `ring begin FILE`, `ring complete FILE`, `ring drop FILE`: the next keys of a ring, with random bytes from
//!   standard input; `ring ids FILE`: its identifiers
//! - `readers KIND`: a line for each function that has the keys of this kind: its name in the stack
//! - `former FILE HASH ROUNDS FORMER [FOUND]`: which kinds of password hashes may remain in the table, given the stack's
//!   parameters `PasswordHash`, `PasswordHashRounds` and `FormerPasswordHashes`, and what was found in a table taken over
//! - `guard [TEMPLATE] [--parameters FILE] [--change-set FILE] [--of-template FILE] [--rules FILE]`: judges a template, a change
//!   set or both by the rules of `shared/guard`, with the exceptions that belong to the template and with the owner's own file
//! - `notifier FILE`: checks the settings of `notifier.sh`, and prints what is in force as assignments for a shell
//! - `notifier FILE STACK KEY=VALUE…`: the parameters of one of its stacks as JSON, with what the script found out
//! - `guard --all FILE [--rules FILE]`: judges the templates that a file lists as `[[template]]`, each with what belongs to it
//! - `plan DEPLOYED TEMPLATE PARAMETERS`: what a deployment would change of a stack, a line each: the template that it has, the one that
//!   it would have with these parameters, and from standard input the parameters that it has, as name, tab, value
//! - `bootstrap`: prints the template that a stack is created from
//! - `generate`: makes `template.yaml`, the notifier's template and the table in `docs/settings.md` anew, in the current folder
//! - `audit [ADDRESS]`: opens log events from standard input with the keys in `AUDIT_KEY`

use latchkey::{Date, KeyKind, ring};
use serde_json::{Map, Value};
use std::io::{Read, Write, stderr, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

const USAGE: &str = "usage: latchkey check|shell FILE, latchkey write FILE KEY=VALUE..., \
    latchkey site FILE WEB OUT [ENDPOINT], latchkey functions FILE, latchkey parameters FILE TEMPLATE KEY[=VALUE|@FILE]..., \
    latchkey ring first, latchkey ring begin|complete|drop|ids FILE, latchkey readers audit|mail|device, \
    latchkey former FILE HASH ROUNDS FORMER [FOUND], latchkey guard [TEMPLATE] [--parameters FILE] [--change-set FILE] [--of-template FILE] [--rules FILE], \
    latchkey guard --all FILE [--rules FILE], latchkey notifier FILE [STACK KEY=VALUE...], \
    latchkey plan DEPLOYED TEMPLATE PARAMETERS, latchkey bootstrap, latchkey generate, latchkey audit [ADDRESS]";

/// What went wrong, a line each.
type Lines = Vec<String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check", file] => check(file).map(drop),
        ["shell", file] => check(file).and_then(|config| print(&latchkey::shell(&latchkey::effective(&config)))),
        ["write", file, pairs @ ..] => write(file, pairs),
        ["site", file, web, out] => site(file, web, out, None),
        ["site", file, web, out, endpoint] => site(file, web, out, Some(endpoint)),
        ["functions", file] => functions(file),
        ["parameters", file, template, given @ ..] => parameters(file, template, given),
        ["ring", step, files @ ..] => keys(step, files),
        ["readers", kind] => readers(kind),
        ["former", file, hash, rounds, former] => self::former(file, latchkey::Deployed { hash, rounds, former }, ""),
        ["former", file, hash, rounds, former, found] => {
            self::former(file, latchkey::Deployed { hash, rounds, former }, found)
        }
        ["guard", "--all", list] => guard_all(list, None),
        ["guard", "--all", list, "--rules", rules] => guard_all(list, Some(rules)),
        ["guard", arguments @ ..] => guard(arguments),
        ["notifier", file] => notifier(file).and_then(|settings| {
            let variables = settings.variables();
            let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            print(&latchkey::shell(&variables))
        }),
        ["notifier", file, stack, found @ ..] => notifier(file)
            .and_then(|settings| print(&settings.parameters(stack, found).ok_or_else(|| vec![USAGE.to_owned()])?)),
        ["plan", deployed, template, parameters] => plan(deployed, template, parameters),
        ["bootstrap"] => print(&latchkey::bootstrap()),
        ["generate"] => generate(),
        ["audit"] => audit(None),
        ["audit", address] => audit(Some(address)),
        _ => Err(vec![USAGE.to_owned()]),
    };
    let Err(lines) = outcome else { return ExitCode::SUCCESS };
    let mut stderr = stderr().lock();
    for line in lines {
        // Where standard error is closed, the exit status still says it.
        let _ = writeln!(stderr, "{line}");
    }
    ExitCode::FAILURE
}

fn check(file: &str) -> Result<Map<String, Value>, Lines> {
    let config = check_quietly(file)?;
    if config.contains_key("CRYPTO_BYTE_SIZE") {
        let _ = writeln!(
            stderr(),
            "{file}: CRYPTO_BYTE_SIZE is ignored for what is new; 512 says that old hashes of this length are LambdAuth's"
        );
    }
    Ok(config)
}

fn check_quietly(file: &str) -> Result<Map<String, Value>, Lines> {
    latchkey::check(&read(file)?)
        .map_err(|problems| problems.into_iter().map(|problem| format!("{file}: {problem}")).collect())
}

fn write(file: &str, pairs: &[&str]) -> Result<(), Lines> {
    let values: Option<Vec<_>> = pairs.iter().map(|pair| pair.split_once('=')).collect();
    let values = values.ok_or_else(|| vec![USAGE.to_owned()])?;
    latchkey::write(Path::new(file), check(file)?, &values)
        .map_err(|error| vec![format!("{file}: cannot be written: {error}")])
}

fn site(file: &str, web: &str, out: &str, endpoint: Option<&str>) -> Result<(), Lines> {
    let settings = latchkey::effective(&check(file)?);
    latchkey::site(&settings, Path::new(web), Path::new(out), endpoint)
        .map_err(|error| vec![format!("{out}: cannot be made from {web}: {error}")])
}

fn functions(file: &str) -> Result<(), Lines> {
    let has_alarms = latchkey::has_alarms(&check_quietly(file)?);
    let lines =
        latchkey::functions().iter().map(|function| format!("{} {}\n", function.resource(), function.package()));
    let others = [Some(latchkey::TRIGGER), has_alarms.then_some(latchkey::NOTIFIER)];
    let lines = lines.chain(others.into_iter().flatten().map(|(name, package)| format!("{name} {package}\n")));
    print(&lines.collect::<String>())
}

fn parameters(file: &str, template: &str, given: &[&str]) -> Result<(), Lines> {
    let given = given.iter().map(|parameter| from_file(parameter)).collect::<Result<Vec<_>, _>>()?;
    let given: Vec<&str> = given.iter().map(|parameter| parameter.as_str()).collect();
    let made = Zeroizing::new(latchkey::parameters(&check(file)?, &read(template)?, &given));
    print(&made)
}

/// A parameter with its value; `KEY@FILE` has it in a file.
fn from_file(parameter: &str) -> Result<Zeroizing<String>, Lines> {
    let end = parameter.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(parameter.len());
    let (key, rest) = parameter.split_at(end);
    match rest.strip_prefix('@') {
        Some(file) => {
            let value = Zeroizing::new(read(file)?);
            Ok(Zeroizing::new(format!("{key}={}", value.trim_end_matches('\n'))))
        }
        None => Ok(Zeroizing::new(parameter.to_owned())),
    }
}

fn keys(step: &str, files: &[&str]) -> Result<(), Lines> {
    let failed = |failed: ring::Failed| vec![format!("error: {failed}")];
    let secret = |file: &str| read(file).map(Zeroizing::new);
    let made = match (step, files) {
        ("first", []) => ring::first(stdin().lock()),
        ("begin", [file]) => ring::begin(&secret(file)?, stdin().lock()),
        ("complete", [file]) => ring::complete(&secret(file)?),
        ("drop", [file]) => ring::drop_former(&secret(file)?),
        ("ids", [file]) => return print(&(ring::ids(&secret(file)?).map_err(failed)? + "\n")),
        _ => return Err(vec![USAGE.to_owned()]),
    };
    print(&made.map_err(failed)?)
}

fn readers(kind: &str) -> Result<(), Lines> {
    let known = KeyKind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = known.ok_or_else(|| vec![USAGE.to_owned()])?;
    let readers = latchkey::functions().iter().filter(|function| function.has_key(kind));
    print(&readers.map(|function| function.resource() + "\n").collect::<String>())
}

fn former(file: &str, deployed: latchkey::Deployed<'_>, found: &str) -> Result<(), Lines> {
    let former = latchkey::former(&check_quietly(file)?, deployed, found);
    print(&(former.map_err(|problem| vec![format!("{file}: {problem}")])? + "\n"))
}

fn guard(arguments: &[&str]) -> Result<(), Lines> {
    let usage = || vec![USAGE.to_owned()];
    let mut files: [Option<(&str, Zeroizing<String>)>; 5] = Default::default();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let place = match *argument {
            "--parameters" => 1,
            "--change-set" => 2,
            "--of-template" => 3,
            "--rules" => 4,
            option if option.starts_with("--") => return Err(usage()),
            _ => 0,
        };
        let name = if place == 0 { argument } else { arguments.next().ok_or_else(usage)? };
        if files[place].is_some() {
            return Err(usage());
        }
        files[place] = Some((name, Zeroizing::new(read(name)?)));
    }
    let [template, parameters, change_set, of_template, of_owner] =
        files.each_ref().map(|file| file.as_ref().map(|(name, text)| (*name, text.as_str())));
    if template.is_none() && (change_set.is_none() || parameters.is_some()) {
        return Err(usage());
    }
    let case = latchkey::Case { template, parameters, change_set, of_template, of_owner };
    print(&latchkey::guard(case, today())?)
}

fn guard_all(list: &str, rules: Option<&str>) -> Result<(), Lines> {
    let folder = Path::new(list).parent().unwrap_or(Path::new(""));
    let beside = |file: &str| read(&folder.join(file).to_string_lossy());
    let of_owner = rules.map(|name| read(name).map(|text| (name, text))).transpose()?;
    let of_owner = of_owner.as_ref().map(|(name, text)| (*name, text.as_str()));
    print(&latchkey::guard_all((list, &read(list)?), of_owner, beside, today())?)
}

fn plan(deployed: &str, template: &str, parameters: &str) -> Result<(), Lines> {
    let mut stack = String::new();
    stdin().read_to_string(&mut stack).map_err(|error| vec![format!("the parameters of the stack: {error}")])?;
    let (deployed, template, parameters) = (read(deployed)?, read(template)?, Zeroizing::new(read(parameters)?));
    let plan = latchkey::Plan { deployed: &deployed, template: &template, parameters: &parameters, stack: &stack };
    let lines = latchkey::plan(plan).map_err(|unreadable| vec![format!("error: {unreadable}")])?;
    print(&lines.iter().fold(String::new(), |all, line| all + line + "\n"))
}

fn today() -> Date {
    #[expect(clippy::disallowed_methods, reason = "this is where the day comes in")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
    Date::at(now)
}

fn notifier(file: &str) -> Result<latchkey::NotifierSetup, Lines> {
    latchkey::NotifierSetup::read(&read(file)?)
        .map_err(|problems| problems.into_iter().map(|problem| format!("{file}: {problem}")).collect())
}

fn generate() -> Result<(), Lines> {
    const PAGE: &str = "docs/settings.md";
    let page =
        latchkey::with_table(&read(PAGE)?).ok_or_else(|| vec![format!("{PAGE}: the table's markers are missing")])?;
    let notifier = ("stacks/notifier/notifier.yaml", latchkey::notifier());
    for (file, content) in [("template.yaml", latchkey::template()), notifier, (PAGE, page)] {
        std::fs::write(file, content).map_err(|error| vec![format!("{file}: cannot be written: {error}")])?;
    }
    Ok(())
}

fn audit(address: Option<&str>) -> Result<(), Lines> {
    let keys = std::env::var("AUDIT_KEY").ok();
    let sealed = latchkey::audit::show(keys.as_deref(), address, stdin().lock(), stdout().lock())
        .map_err(|failed| vec![format!("error: {failed}")])?;
    if sealed > 0 {
        let _ = writeln!(stderr(), "{sealed} calls are sealed with a key that the functions no longer have");
    }
    Ok(())
}

fn read(file: &str) -> Result<String, Lines> {
    std::fs::read_to_string(file).map_err(|error| vec![format!("{file}: cannot be read: {error}")])
}

fn print(text: &str) -> Result<(), Lines> {
    stdout().write_all(text.as_bytes()).map_err(|error| vec![format!("standard output: {error}")])
}
