//! The committed figures, and what differs from them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use serde::{Deserialize, Serialize};

use crate::cost::scenarios::Counted;

/// By how many per cent instructions may differ: another compiler writes other code.
const TOLERANCE: u64 = 7;

/// By how many allocations may differ: a buffer that grows at another moment.
const SLACK: u64 = 2;

/// What requests cost, by group and scenario.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(BTreeMap<String, BTreeMap<String, Cost>>);

/// What one request costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub instructions: u64,
    pub allocations: u64,
}

/// The tests of a run write one file.
static WRITING: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/cost/figures.json"].iter().collect()
}

impl Figures {
    fn read() -> Self {
        fs::read_to_string(path()).map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default()
    }

    /// Those of one group.
    pub fn committed(group: &str) -> Group {
        Group(Self::read().0.remove(group).unwrap_or_default())
    }

    /// Fails when a scenario costs other than it did.
    #[track_caller]
    pub fn hold(group: &str, counted: &Counted) {
        if env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
            let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
            let mut all = Self::read();
            all.0.insert(group.to_owned(), counted.clone());
            fs::write(path(), serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
            return;
        }
        let differences = Self::committed(group).differences(counted);
        assert!(
            differences.is_empty(),
            "{differences:#?}\nIf it is meant to be so: UPDATE_GENERATED=1 ./scripts/test cost"
        );
    }
}

/// The figures of a group.
pub struct Group(BTreeMap<String, Cost>);

impl Group {
    /// What differs by more than chance. What costs less counts too: a figure that is not lowered
    /// hides the next rise.
    pub fn differences(&self, counted: &Counted) -> Vec<String> {
        let mut found = Vec::new();
        for (scenario, now) in counted {
            let Some(then) = self.0.get(scenario) else {
                found.push(format!("{scenario} has no figures"));
                continue;
            };
            let mut compare = |what: &str, now: u64, then: u64, slack: u64| {
                let verdict = if now > then + slack {
                    "more"
                } else if now + slack < then {
                    "less"
                } else {
                    return;
                };
                found.push(format!("{scenario} costs {verdict} {what} than it did: {now} instead of {then}"));
            };
            compare("instructions", now.instructions, then.instructions, then.instructions * TOLERANCE / 100);
            compare("allocations", now.allocations, then.allocations, SLACK);
        }
        found
    }
}

#[test]
fn larger_changes_are_differences_and_small_ones_are_not() {
    let cost = |instructions, allocations| Cost { instructions, allocations };
    let counted = |cost: Cost| Counted::from([("me".to_owned(), cost)]);
    let group = Group(counted(cost(1_000, 50)));
    assert!(group.differences(&counted(cost(1_060, 52))).is_empty());
    assert_eq!(group.differences(&counted(cost(1_080, 50))).len(), 1);
    assert_eq!(group.differences(&counted(cost(920, 47))).len(), 2);
    assert_eq!(group.differences(&Counted::from([("new".to_owned(), cost(1, 1))])), ["new has no figures"]);
}
