//! Events of SNS, as CloudWatch alarms send them, mapped to the contract.
//!
//! The form of the message is CloudWatch's ("Notifying users on alarm changes", Amazon CloudWatch User Guide).

use crate::alert::{Alert, InvalidAlert, Link, MAX_BYTES, Severity, is_deceptive, moment};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The ARN of the topic that a record comes from, and its message.
fn parts(record: &Value) -> Option<(&str, &str)> {
    let sns = record.get("Sns")?;
    Some((sns.get("TopicArn")?.as_str()?, sns.get("Message")?.as_str()?))
}

/// Maps a record of an SNS event to an alert. `topics` are the ARNs that the notifier listens to. `None` if the alarm is OK and was not
/// ringing: `CloudWatch` reports that of every new alarm, when it has looked at its metric for the first time.
pub fn from_sns(record: &Value, topics: &[String]) -> Result<Option<Alert>, InvalidAlert> {
    let (topic, message) = parts(record).ok_or(InvalidAlert::NoAlarm)?;
    if !topics.iter().any(|listened| listened == topic) {
        return Err(InvalidAlert::ForeignSource);
    }
    if message.len() > MAX_BYTES {
        return Err(InvalidAlert::TooLong);
    }
    let Ok(Value::Object(alarm)) = serde_json::from_str(message) else { return Err(InvalidAlert::NoAlarm) };
    let alert = from_alarm(&alarm).ok_or(InvalidAlert::NoAlarm)?;
    let was_without_data = alarm.get("OldStateValue").and_then(Value::as_str) == Some("INSUFFICIENT_DATA");
    Ok(Some(alert).filter(|alert| alert.severity != Severity::Info || !was_without_data))
}

fn from_alarm(alarm: &Map<String, Value>) -> Option<Alert> {
    let text = |name: &str| alarm.get(name).and_then(Value::as_str).map(str::to_owned);
    let (name, state) = (clean(&text("AlarmName")?, 200), text("NewStateValue")?);
    // "2026-09-21T14:13:20.123+0000": its offset has no colon, which RFC 3339 requires.
    let changed = text("StateChangeTime")?;
    let time = moment(&changed.replacen("+0000", "Z", 1))?;
    let (severity, verb) = match state.as_str() {
        "ALARM" => (Severity::Critical, "is in alarm"),
        "INSUFFICIENT_DATA" => (Severity::Warning, "has too little data"),
        "OK" => (Severity::Info, "is OK again"),
        _ => return None,
    };
    let source = text("AlarmArn").map_or_else(|| name.clone(), |arn| clean(&arn, 512));
    let mut fields = BTreeMap::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.insert(name.to_owned(), clean(&value, 2_000));
        }
    };
    add("Account", text("AWSAccountId"));
    add("Region", region(&source).map(str::to_owned).or_else(|| text("Region")));
    add("Before", text("OldStateValue"));
    let trigger = alarm.get("Trigger").and_then(Value::as_object);
    let of_trigger = |name: &str| trigger.and_then(|trigger| trigger.get(name));
    let metric = |name: &str| of_trigger(name).and_then(Value::as_str).map(str::to_owned);
    add("Metric", metric("MetricName").map(|name| format!("{} {name}", metric("Namespace").unwrap_or_default())));
    add("Dimensions", of_trigger("Dimensions").and_then(Value::as_array).map(|list| dimensions(list)));
    add("Threshold", of_trigger("Threshold").filter(|value| value.is_number()).map(ToString::to_string));
    let function = of_trigger("Dimensions").and_then(Value::as_array).and_then(|list| function(list));
    let function = function.filter(|_| metric("Namespace").as_deref() == Some("AWS/Lambda"));
    let links = links(&source, &name, function);
    let parts = [text("AlarmDescription"), text("NewStateReason")];
    let text = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    let text = if text.is_empty() { format!("The state of the alarm is {state}.") } else { clean_text(&text) };
    // The moment of the change tells one ring from the next; the topic's redelivery repeats it.
    let id = format!("{source} {changed} {state}");
    Some(Alert {
        severity,
        title: clean(&format!("{name} {verb}"), 200),
        text,
        source,
        time,
        fields,
        to: None,
        id,
        links,
    })
}

/// A dimension's name and value. CloudWatch writes `name` and `value`; its API, and what imitates it, `Name` and `Value`.
fn dimension(dimension: &Value) -> Option<(&str, &str)> {
    let part = |names: [&str; 2]| names.into_iter().find_map(|name| dimension.get(name).and_then(Value::as_str));
    Some((part(["name", "Name"])?, part(["value", "Value"])?))
}

fn dimensions(list: &[Value]) -> String {
    let pairs = list.iter().filter_map(dimension).map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// The Lambda function that a metric is about.
fn function(list: &[Value]) -> Option<&str> {
    list.iter().filter_map(dimension).find(|(name, _)| *name == "FunctionName").map(|(_, value)| value)
}

fn region(arn: &str) -> Option<&str> {
    let region = arn.strip_prefix("arn:aws:cloudwatch:")?.split(':').next()?;
    (!region.is_empty()
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
    .then_some(region)
}

/// The pages of the console that whoever is woken by an alarm opens first.
fn links(arn: &str, alarm: &str, function: Option<&str>) -> Vec<Link> {
    let Some(region) = region(arn) else { return Vec::new() };
    let link = |page: &'static str, service: &str, place: &str, name: &str, rest: &str| {
        is_plain(name).then(|| Link {
            name: page,
            url: format!("https://{region}.console.aws.amazon.com/{service}/home?region={region}#{place}{name}{rest}"),
        })
    };
    let alarm = link("Alarm", "cloudwatch", "alarmsV2:alarm/", alarm, "");
    let function = function.and_then(|name| link("Function", "lambda", "/functions/", name, "?tab=monitoring"));
    alarm.into_iter().chain(function).collect()
}

/// Whether a name needs no escaping in an address.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Replaces characters that would be refused in an event: no alarm is lost because of one.
fn clean(text: &str, longest: usize) -> String {
    text.chars().map(|c| if is_deceptive(c) { ' ' } else { c }).take(longest).collect::<String>().trim().to_owned()
}

fn clean_text(text: &str) -> String {
    let keep = |c: char| if !matches!(c, '\n' | '\t') && is_deceptive(c) { ' ' } else { c };
    text.chars().map(keep).take(20_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_auth::Timestamp;
    use serde_json::json;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";

    fn alarm() -> Value {
        json!({
            "AlarmName": "latchkey-login-faults", "AlarmDescription": "Calls of login end in faults.",
            "AWSAccountId": "111122223333", "NewStateValue": "ALARM", "OldStateValue": "OK",
            "NewStateReason": "Threshold Crossed: 1 datapoint [7.0 (21/09/26 14:12:00)] was greater than the threshold (5.0).",
            "StateChangeTime": "2026-09-21T14:13:20.123+0000", "Region": "EU (Ireland)",
            "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:latchkey-login-faults",
            "Trigger": { "MetricName": "Errors", "Namespace": "AWS/Lambda", "Threshold": 5.0,
                "Dimensions": [{ "name": "FunctionName", "value": "sampleAuthLogin" }] },
        })
    }

    fn record(topic: &str, message: &str) -> Value {
        json!({ "EventSource": "aws:sns", "Sns": { "TopicArn": topic, "Message": message, "Subject": "ALARM" } })
    }

    fn mapped(alarm: &Value) -> Option<Alert> {
        from_sns(&record(TOPIC, &alarm.to_string()), &[TOPIC.to_owned()]).unwrap()
    }

    #[test]
    fn a_ringing_alarm_is_a_critical_alert_that_says_what_to_look_at() {
        let alert = mapped(&alarm()).unwrap();
        assert_eq!((alert.severity, alert.title.as_str()), (Severity::Critical, "latchkey-login-faults is in alarm"));
        assert_eq!(alert.time, Timestamp(1_790_000_000));
        assert!(alert.text.starts_with("Calls of login end in faults.\n\nThreshold Crossed"), "{}", alert.text);
        assert_eq!(alert.fields["Metric"], "AWS/Lambda Errors");
        assert_eq!(alert.fields["Dimensions"], "FunctionName=sampleAuthLogin");
        assert_eq!(alert.fields["Region"], "eu-west-1");
        let links: Vec<_> = alert.links.iter().map(|link| (link.name, link.url.as_str())).collect();
        let alarm = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:alarm/latchkey-login-faults";
        let function = "https://eu-west-1.console.aws.amazon.com/lambda/home?region=eu-west-1#/functions/sampleAuthLogin?tab=monitoring";
        assert_eq!(links, [("Alarm", alarm), ("Function", function)]);
    }

    #[test]
    fn only_a_metric_of_lambda_leads_to_a_function() {
        let mut other = alarm();
        other["Trigger"]["Namespace"] = json!("Latchkey/sampleAuth");
        assert_eq!(mapped(&other).unwrap().links.len(), 1);
    }

    #[test]
    fn an_alarm_that_is_over_is_information_and_another_alert_than_the_ring() {
        let (ring, mut over) = (alarm(), alarm());
        (over["NewStateValue"], over["OldStateValue"]) = (json!("OK"), json!("ALARM"));
        let (ring, over) = (mapped(&ring).unwrap(), mapped(&over).unwrap());
        assert_eq!(over.severity, Severity::Info);
        assert_ne!(ring.id, over.id);
        assert_eq!(ring.id, mapped(&alarm()).unwrap().id);
    }

    #[test]
    fn a_new_alarm_that_is_ok_is_no_alert() {
        let mut new = alarm();
        (new["NewStateValue"], new["OldStateValue"]) = (json!("OK"), json!("INSUFFICIENT_DATA"));
        assert_eq!(mapped(&new), None);
        new["NewStateValue"] = json!("ALARM");
        assert!(mapped(&new).is_some());
    }

    #[test]
    fn only_a_topic_that_is_listened_to_counts() {
        let foreign = record("arn:aws:sns:eu-west-1:999999999999:alarms", &alarm().to_string());
        assert_eq!(from_sns(&foreign, &[TOPIC.to_owned()]), Err(InvalidAlert::ForeignSource));
        assert_eq!(from_sns(&record(TOPIC, &alarm().to_string()), &[]), Err(InvalidAlert::ForeignSource));
    }

    #[test]
    fn a_message_that_is_no_alarms_is_refused_and_strange_characters_of_one_are_dropped() {
        for message in [
            "hello",
            "{}",
            r#"{"AlarmName":"a","NewStateValue":"RED","StateChangeTime":"2026-09-21T14:13:20.123+0000"}"#,
        ] {
            assert_eq!(from_sns(&record(TOPIC, message), &[TOPIC.to_owned()]), Err(InvalidAlert::NoAlarm), "{message}");
        }
        let mut strange = alarm();
        strange["AlarmName"] = json!("a\r\nBcc: eve@example.com");
        assert_eq!(mapped(&strange).unwrap().title, "a  Bcc: eve@example.com is in alarm");
        strange["Trigger"]["Dimensions"][0]["value"] = json!("login\" onclick=\"x");
        assert_eq!(mapped(&strange).unwrap().links, []);
    }
}
