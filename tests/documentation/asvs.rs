//! Every requirement of the ASVS at levels 1 and 2 has a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::assert_none;
use crate::documentation::page::Page;

/// How many requirements of the ASVS 5.0.0 are of level 1 or 2 in each section; they are its first
/// ones.
const REQUIREMENTS: &[(&str, u32)] = &[
    ("1.1", 2),
    ("1.2", 9),
    ("1.3", 11),
    ("1.4", 3),
    ("1.5", 2),
    ("2.1", 3),
    ("2.2", 3),
    ("2.3", 4),
    ("2.4", 1),
    ("3.2", 2),
    ("3.3", 4),
    ("3.4", 6),
    ("3.5", 5),
    ("3.7", 2),
    ("4.1", 3),
    ("4.2", 1),
    ("4.3", 2),
    ("4.4", 4),
    ("5.1", 1),
    ("5.2", 3),
    ("5.3", 2),
    ("5.4", 3),
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 4),
    ("6.4", 4),
    ("6.5", 5),
    ("6.6", 3),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 2),
    ("7.6", 2),
    ("8.1", 2),
    ("8.2", 3),
    ("8.3", 1),
    ("8.4", 1),
    ("9.1", 3),
    ("9.2", 4),
    ("10.1", 2),
    ("10.2", 2),
    ("10.3", 4),
    ("10.4", 11),
    ("10.5", 5),
    ("10.6", 2),
    ("10.7", 3),
    ("11.1", 2),
    ("11.2", 3),
    ("11.3", 3),
    ("11.4", 4),
    ("11.5", 1),
    ("11.6", 1),
    ("12.1", 3),
    ("12.2", 2),
    ("12.3", 4),
    ("13.1", 1),
    ("13.2", 5),
    ("13.3", 2),
    ("13.4", 5),
    ("14.1", 2),
    ("14.2", 4),
    ("14.3", 3),
    ("15.1", 3),
    ("15.2", 3),
    ("15.3", 7),
    ("16.1", 1),
    ("16.2", 5),
    ("16.3", 4),
    ("16.4", 3),
    ("16.5", 3),
    ("17.1", 1),
    ("17.2", 4),
    ("17.3", 2),
];

/// Requirements that have no verdict or two, verdicts that there are not, and a wrong count of
/// them.
fn wrong_verdicts(page: &Page) -> Vec<String> {
    let mut problems = Vec::new();
    let mut missing: BTreeSet<_> = REQUIREMENTS
        .iter()
        .flat_map(|(section, last)| (1..=*last).map(move |n| format!("{section}.{n}")))
        .collect();
    let all = missing.len();
    let mut counts: BTreeMap<_, usize> =
        ["test", "file", "n/a", "operator", "not met"].map(|verdict| (verdict, 0)).into();
    for row in page.rows(None) {
        let [numbers, _, _, verdict, why] = row[..] else { continue };
        if !numbers.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        if why.is_empty() || (verdict == "test" && !why.contains("::")) {
            problems.push(format!("{numbers}: nothing shows it"));
        }
        for number in numbers.split(", ").flat_map(range) {
            match counts.get_mut(verdict) {
                Some(count) if missing.remove(&number) => *count += 1,
                _ => problems.push(format!("{number}: {verdict} is one verdict too many or none")),
            }
        }
    }
    problems.extend(missing.into_iter().map(|number| format!("{number} is missing")));
    let of = |verdict| format!("{} {verdict}", counts[verdict]);
    let tally = ["test", "file", "n/a", "operator", "not met"].map(of).join(", ");
    let tally = format!("Of {all}: {tally}.");
    if !page.text.contains(&tally) {
        problems.push(tally);
    }
    problems
}

/// `1.2.6–1.2.8` as its numbers.
fn range(text: &str) -> Vec<String> {
    let (first, last) = text.split_once('–').unwrap_or((text, text));
    let parts = |number: &str| {
        let (section, place) = number.rsplit_once('.').unwrap();
        (section.to_owned(), place.parse::<u32>().unwrap())
    };
    let ((section, first), (_, last)) = (parts(first), parts(last));
    (first..=last).map(|place| format!("{section}.{place}")).collect()
}

#[test]
fn every_requirement_has_a_verdict_and_they_are_counted() {
    assert_none(&wrong_verdicts(&Page::read(Path::new("docs/asvs.md"))));
}

#[test]
fn a_requirement_without_a_verdict_and_a_wrong_count_are_found() {
    let text = Page::read(Path::new("docs/asvs.md")).text;
    let without = text.lines().filter(|line| !line.starts_with("| 6.2.9 ")).collect::<Vec<_>>().join("\n");
    let row = text.lines().find(|line| line.starts_with("| 6.2.9 ")).unwrap();
    for (changed, wrong) in [
        (without, "6.2.9 is missing"),
        (text.replace(row, &format!("{row}\n{row}")), "6.2.9: not met is one verdict too many or none"),
        (
            text.replace(row, &row.replace("| not met |", "| perhaps |")),
            "6.2.9: perhaps is one verdict too many or none",
        ),
        (text.replace(row, &row.replace("| not met |", "| test |")), "6.2.9: nothing shows it"),
        (text.replace(" not met.", " met."), "not met."),
    ] {
        assert_ne!(changed, text);
        let problems = wrong_verdicts(&Page::seeded(&changed));
        assert!(problems.iter().any(|problem| problem.ends_with(wrong)), "{wrong}: {problems:?}");
    }
}
