//! What Prometheus would read.

use std::collections::{BTreeMap, BTreeSet};

/// One line: a name, labels and a value.
#[derive(Debug)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// All that one answer says.
#[derive(Debug)]
pub struct Scrape {
    pub series: Vec<Series>,
    /// The names that are described.
    pub described: BTreeSet<String>,
}

impl Scrape {
    pub fn of(text: &str) -> Self {
        let described = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next());
        let series = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(parse);
        Self { series: series.collect(), described: described.map(str::to_owned).collect() }
    }

    /// The sum over all series of this name that have these labels; `None` when there is none.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |series: &Series| {
            labels.iter().all(|(label, value)| series.labels.get(*label).is_some_and(|it| it == value))
        };
        let found: Vec<f64> =
            self.series.iter().filter(|it| it.name == name && has(it)).map(|it| it.value).collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }

    /// The values that this label has on any series.
    pub fn values_of(&self, label: &str) -> BTreeSet<&str> {
        self.series.iter().filter_map(|series| series.labels.get(label)).map(String::as_str).collect()
    }
}

fn parse(line: &str) -> Series {
    let (key, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = key.split_once('{').unwrap_or((key, "}"));
    // No value of ours has a comma or a quotation mark in it.
    let labels = labels.strip_suffix('}').unwrap().split(',').filter(|pair| !pair.is_empty());
    let labels = labels.map(|pair| pair.split_once('=').unwrap());
    let labels = labels.map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned()));
    Series { name: name.to_owned(), labels: labels.collect(), value: value.parse().unwrap() }
}
