//! Waiting for a state instead of for a time.

use std::time::Duration;

/// How long [`wait_until`] waits: a hundred times what the slowest state takes on a machine that is busy with other
/// tests.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until `look` finds something, and returns that.
///
/// # Panics
/// After [`WAIT_MAX`], naming `what` was waited for.
pub async fn wait_until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(WAIT_MAX, waiting).await {
        Ok(found) => found,
        Err(_) => panic!("waited {WAIT_MAX:?} for {what}"),
    }
}
