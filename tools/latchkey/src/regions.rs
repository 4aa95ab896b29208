//! Which regions of AWS the service can be set up in.
//!
//! The lists are written down, and not asked for, so that a mistake is told before there are credentials.

/// A line for each region of the commercial partition: its name, and ` lacks ` with a service if it has not all that is needed.
const REGIONS: &str = include_str!("regions.txt");

/// The other partitions of AWS, by how their regions' names begin. They have accounts, endpoints and names of their own, and the pages
/// and the scripts know those of the commercial partition only.
const PARTITIONS: [(&str, &str); 5] = [
    ("us-gov-", "AWS GovCloud"),
    ("cn-", "AWS China"),
    ("us-iso", "an isolated partition of AWS"),
    ("eu-iso", "an isolated partition of AWS"),
    ("eusc-", "the AWS European Sovereign Cloud"),
];

/// Why the service cannot be set up in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsuitable<'a> {
    #[error("should be another region: {0} belongs to {1}, which Latchkey does not support")]
    Partition(&'a str, &'static str),
    #[error("should be another region: {0} has no {1}")]
    Lacks(&'a str, &'static str),
    #[error("should be a region that Latchkey knows; {0} is not among those in tools/latchkey/src/regions.txt")]
    Unknown(&'a str),
}

/// Refuses a region where the service cannot work.
pub(crate) fn check(region: &str) -> Result<(), Unsuitable<'_>> {
    if let Some((_, partition)) = PARTITIONS.iter().find(|(beginning, _)| region.starts_with(beginning)) {
        return Err(Unsuitable::Partition(region, partition));
    }
    let lines = REGIONS.lines().filter(|line| !line.starts_with('#'));
    let mut known =
        lines.map(|line| line.split_once(" lacks ").map_or((line, None), |(name, lacks)| (name, Some(lacks))));
    match known.find(|(name, _)| *name == region) {
        Some((_, None)) => Ok(()),
        Some((_, Some(lacks))) => Err(Unsuitable::Lacks(region, lacks)),
        None => Err(Unsuitable::Unknown(region)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_without_ses_is_refused_by_name_and_by_what_it_lacks() {
        assert_eq!(check("eu-west-1"), Ok(()));
        let refusal = check("ap-east-1").unwrap_err();
        assert_eq!(refusal.to_string(), "should be another region: ap-east-1 has no SES");
    }

    #[test]
    fn a_region_of_another_partition_is_refused_by_the_partitions_name() {
        for (region, partition) in [
            ("us-gov-west-1", "AWS GovCloud"),
            ("cn-north-1", "AWS China"),
            ("us-iso-east-1", "an isolated partition of AWS"),
            ("us-isob-east-1", "an isolated partition of AWS"),
            ("us-isof-south-1", "an isolated partition of AWS"),
            ("eu-isoe-west-1", "an isolated partition of AWS"),
            ("eusc-de-east-1", "the AWS European Sovereign Cloud"),
        ] {
            assert_eq!(check(region), Err(Unsuitable::Partition(region, partition)));
        }
    }

    #[test]
    fn a_region_that_nobody_knows_is_refused() {
        assert_eq!(check("eu-west-9"), Err(Unsuitable::Unknown("eu-west-9")));
    }
}
