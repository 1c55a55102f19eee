//! When a message is sent again.

use std::time::Duration;

use groundwork_http_client::random_share;

/// The waits between attempts, as Standard Webhooks recommends them: 75 hours in total.
const DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// The most attempts of a message.
pub const MAX_ATTEMPTS: usize = DELAYS.len() + 1;

/// Up to this share of a wait is added to it, so that messages that failed together are not sent
/// together.
const JITTER: f64 = 0.1;

/// How long to wait after attempt number `attempt` (from 1) has failed. `None` after the last one,
/// about three days after the first: then the webhook is to be disabled.
pub fn next_delay(attempt: u32) -> Option<Duration> {
    let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
    DELAYS.get(index).map(|delay| delay.mul_f64(1.0 + JITTER * random_share()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end_after_about_three_days() {
        let delays: Vec<_> = (1..).map_while(next_delay).collect();
        assert_eq!(delays.len() + 1, MAX_ATTEMPTS);
        assert!(delays.is_sorted(), "{delays:?}");
        let total: Duration = delays.iter().sum();
        assert!((Duration::from_hours(72)..Duration::from_hours(84)).contains(&total), "{total:?}");
        assert_eq!(next_delay(0), None);
    }

    #[test]
    fn waits_differ() {
        let waits: std::collections::HashSet<_> = (0..20).map(|_| next_delay(9)).collect();
        assert!(waits.len() > 1);
    }
}
