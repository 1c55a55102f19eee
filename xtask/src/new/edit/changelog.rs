//! Entries of a changelog: `### Added` below `## [Unreleased]`.

use std::ops::Range;

use super::Missing;

const UNRELEASED: &str = "## [Unreleased]";
const ADDED: &str = "### Added";

/// The lines of what is not released.
fn unreleased(lines: &[&str]) -> Result<Range<usize>, Missing> {
    let head = lines.iter().position(|line| *line == UNRELEASED);
    let start = head.ok_or_else(|| format!("the line `{UNRELEASED}`"))? + 1;
    Ok(start..section_end(lines, start, "## "))
}

fn section_end(lines: &[&str], start: usize, heading: &str) -> usize {
    let end = lines[start..].iter().position(|line| line.starts_with(heading));
    let end = end.map_or(lines.len(), |end| start + end);
    let is_blank = |at: &usize| lines[*at - 1].is_empty();
    (start + 1..=end).rev().find(|at| !is_blank(at)).unwrap_or(start)
}

/// Adds an entry to the end of the list, and the heading if it is not there.
pub fn add(text: &str, entry: &str) -> Result<String, Missing> {
    let lines: Vec<_> = text.lines().collect();
    let section = unreleased(&lines)?;
    let heading = lines[section.clone()].iter().position(|line| *line == ADDED);
    let (at, block) = match heading {
        Some(heading) => {
            let start = section.start + heading + 1;
            (section_end(&lines[..section.end], start, "### "), entry.to_owned())
        }
        None => (section.start, format!("\n{ADDED}\n\n{entry}")),
    };
    let all = lines[..at].iter().copied().chain(block.split('\n')).chain(lines[at..].iter().copied());
    Ok(all.flat_map(|line| [line, "\n"]).collect())
}

/// Removes an entry, and the heading if nothing else is below it.
pub fn remove(text: &str, entry: &str) -> Result<String, Missing> {
    let lines: Vec<_> = text.lines().collect();
    let section = unreleased(&lines)?;
    let block: Vec<_> = entry.lines().collect();
    let place = lines[section.clone()].windows(block.len()).position(|window| *window == *block);
    let place = place.ok_or_else(|| format!("the entry\n{entry}"))? + section.start;
    let after = place + block.len();
    let is_alone = place >= 3
        && lines[place - 3..place] == ["", ADDED, ""]
        && lines.get(after).is_none_or(|next| next.is_empty());
    let before = if is_alone { place - 3 } else { place };
    Ok(lines[..before].iter().chain(&lines[after..]).flat_map(|line| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str) {
        assert_eq!(add(before, "- Orders.\n  Many.").unwrap(), after);
        assert_eq!(remove(after, "- Orders.\n  Many.").unwrap(), before);
    }

    #[test]
    fn an_entry_is_the_last_of_its_list() {
        check(
            "# C\n\n## [Unreleased]\n\n### Added\n\n- A.\n\n### Fixed\n\n- B.\n\n## [1.0.0]\n\n### Added\n\n- C.\n",
            "# C\n\n## [Unreleased]\n\n### Added\n\n- A.\n- Orders.\n  Many.\n\n### Fixed\n\n- B.\n\n## [1.0.0]\n\n### Added\n\n- C.\n",
        );
        check(
            "## [Unreleased]\n\n### Added\n\n- A.\n",
            "## [Unreleased]\n\n### Added\n\n- A.\n- Orders.\n  Many.\n",
        );
    }

    #[test]
    fn a_heading_is_added_where_there_is_none() {
        check(
            "## [Unreleased]\n\n### Fixed\n\n- B.\n\n## [1.0.0]\n\n### Added\n\n- C.\n",
            "## [Unreleased]\n\n### Added\n\n- Orders.\n  Many.\n\n### Fixed\n\n- B.\n\n## [1.0.0]\n\n### Added\n\n- C.\n",
        );
        check("## [Unreleased]\n", "## [Unreleased]\n\n### Added\n\n- Orders.\n  Many.\n");
        assert!(add("# C\n", "- A.").is_err() && remove("## [Unreleased]\n", "- A.").is_err());
    }
}
