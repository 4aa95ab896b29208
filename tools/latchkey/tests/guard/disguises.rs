//! Any way to write a mistake, and any damage to a template.

use super::{judged, service};
use proptest::prelude::*;

/// Ways to write a text that nobody may miss, and to write what nobody can know. The text has no quotes.
fn disguised(way: usize, bad: &str, good: &str) -> String {
    let (head, tail) = bad.split_at(bad.len() / 2);
    match way {
        0 => format!("\"{bad}\""),
        1 => format!("{{ \"Fn::If\": [MakesSender, \"{bad}\", \"{good}\"] }}"),
        2 => format!("!If [MakesTable, \"{good}\", !If [MakesSender, \"{good}\", \"{bad}\"]]"),
        3 => format!("!Join [\"\", [\"{head}\", \"{tail}\"]]"),
        4 => format!("!Sub [\"{head}${{Rest}}\", {{ Rest: \"{tail}\" }}]"),
        5 => format!("!Select [1, [\"{good}\", \"{bad}\"]]"),
        6 => format!("!Select [0, !Split [\"#\", \"{bad}#{good}\"]]"),
        7 => "!Ref Disguise".to_owned(),
        8 => "!FindInMap [Disguises, all, one]".to_owned(),
        9 => "!ImportValue Disguise".to_owned(),
        10 => "!Ref NobodyKnowsThis".to_owned(),
        11 => "{ \"Fn::Transform\": { Name: Disguise } }".to_owned(),
        12 => "\"{{resolve:ssm:disguise}}\"".to_owned(),
        13 => "!GetAtt Outbox.StreamArn".to_owned(),
        14 => "!Base64 Disguise".to_owned(),
        15 => format!("!!str {bad}"),
        16 => "!Ref Unseen".to_owned(),
        17 => "!FindInMap [Disguises, !Ref AWS::Region, one]".to_owned(),
        _ => format!("!Sub \"{bad}\""),
    }
}

/// Places of the template: after what, the beginning of a line, a value that must not be there, and one that may.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("\n  Users:", "DeletionProtectionEnabled: ", "false", "true"),
    ("\n  Users:", "PointInTimeRecoveryEnabled: ", "false", "true"),
    ("\n  Users:", "DeletionPolicy: ", "Delete", "Retain"),
    ("\n  IdentityPool:", "UpdateReplacePolicy: ", "Delete", "Retain"),
    ("\n  LoginRole:\n", "Action: ", "sts:*", "sts:AssumeRole"),
    ("- Sid: Users", "Action: ", "dynamodb:*", "dynamodb:GetItem"),
    ("- Sid: Users", "Resource: ", "*", "arn:aws:dynamodb:eu-west-1:123456789012:table/Users"),
    ("\n  AnonymousRole:", "Action: lambda", "dynamodb:GetItem", "lambda:InvokeFunction"),
    ("\n  Code:", "BlockPublicAcls: ", "false", "true"),
    ("\n  Code:", "RestrictPublicBuckets: ", "false", "true"),
    ("- Sid: PublicPages", "Action: ", "s3:PutObject", "s3:GetObject"),
    ("\n  LoginLog:", "RetentionInDays: ", "0", "30"),
    ("\n  Login:\n    Type", "Timeout: ", "0", "15"),
    ("\n  Login:\n    Type", "Role: ", "arn:aws:iam::123456789012:role/Shared", "arn:aws:iam::123456789012:role/Other"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a mistake is written, and wherever comments and empty lines stand, it is found.
    #[test]
    fn no_way_of_writing_a_mistake_passes(
        place in 0..PLACES.len(), way in 0..19_usize, comments in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let (after, beginning, bad, good) = PLACES[place];
        // The reference to a resource names it, which is all that a policy's Resource is asked for.
        prop_assume!(way != 13 || bad != "*");
        let template = service();
        let start = template.find(after).unwrap();
        let at = template[start..].find(beginning).unwrap() + start;
        let end = template[at..].find('\n').unwrap() + at;
        let key = beginning.split_once(": ").unwrap().0;
        let parameter = format!("Parameters:\n  Disguise: {{ Type: String, Default: \"{bad}\" }}\n  Unseen: {{ Type: String }}\n");
        let made = format!("{}{key}: {}{}", &template[..at], disguised(way, bad, good), &template[end..])
            .replacen("Parameters:\n", &parameter, 1)
            + &format!("\nMappings:\n  Disguises:\n    all: {{ one: \"{bad}\" }}\n");
        let mut lines: Vec<&str> = made.lines().collect();
        for comment in comments {
            lines.insert(comment.index(lines.len()), "# a comment");
        }
        prop_assert!(judged(&lines.join("\n")).is_err(), "{key}: {}", disguised(way, bad, good));
    }

    /// A damaged template is refused, or it is still a template without a mistake: it never ends the guard.
    #[test]
    fn a_template_that_lost_something_never_ends_the_guard(
        line in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), how in 0..5_usize, noise in "\\PC{0,12}",
    ) {
        let template = service();
        let mut lines: Vec<String> = template.lines().map(str::to_owned).collect();
        let (line, other) = (line.index(lines.len()), other.index(lines.len()));
        match how {
            0 => drop(lines.remove(line)),
            1 => lines.truncate(line),
            2 => lines.swap(line, other),
            3 => lines[line].push_str(&noise),
            _ => lines.insert(line, noise),
        }
        match judged(&lines.join("\n")) {
            Ok(summary) => prop_assert!(summary.ends_with("rules hold\n")),
            Err(findings) => prop_assert!(!findings.is_empty()),
        }
    }
}
