//! What callgrind wrote down (the format is in Valgrind's manual, "Callgrind Format
//! Specification").

use std::collections::HashSet;

/// What was counted in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub instructions: u64,
    pub allocations: u64,
}

/// What a program calls for memory, whichever allocator it has.
const ALLOCATE: [&str; 6] = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign"];

/// Reads a dump. Names stand in full where they come first, and are numbers afterwards.
pub fn parse(dump: &str) -> Count {
    let mut count = Count::default();
    let mut allocators = HashSet::new();
    let mut is_allocation = false;
    for line in dump.lines() {
        if let Some(total) = line.strip_prefix("totals: ") {
            count.instructions = total.trim().parse().unwrap();
        } else if let Some(name) = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn=")) {
            let (number, name) = name.split_once(' ').unwrap_or((name, ""));
            // As in `malloc@@GLIBC_2.2.5`.
            if ALLOCATE.contains(&name.split('@').next().unwrap()) {
                allocators.insert(number);
            }
            is_allocation = line.starts_with("cfn=") && allocators.contains(number);
        } else if let Some(calls) = line.strip_prefix("calls=")
            && is_allocation
        {
            count.allocations += calls.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    assert!(count.instructions > 0, "this is no dump of callgrind");
    count
}

#[test]
fn only_calls_of_an_allocator_are_counted() {
    let dump = "fn=(1) main\n1 5\ncfn=(2) malloc\ncalls=3 0\n1 30\ncfn=(3) free\ncalls=9 0\n1 9\n\
                fn=(4) other\ncfn=(2)\ncalls=4 0\n1 40\nfn=(2)\n0 70\ntotals: 154\n";
    assert_eq!(parse(dump), Count { instructions: 154, allocations: 7 });
}
