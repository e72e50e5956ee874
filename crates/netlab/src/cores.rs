//! Cores for one thing alone.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::LabError;

/// As long as it lives, the thread that made it and those that it starts do not run on a core.
#[derive(Debug)]
pub struct KeptOff {
    before: CpuSet,
}

/// Leaves `core` to a flood, as a host leaves cores to the interrupts of its devices and gives the others to games.
///
/// # Errors
/// When there is no other core.
pub fn keep_off(core: usize) -> Result<KeptOff, LabError> {
    let failed = || format!("keep off core {core}");
    let before = sched_getaffinity(None).map_err(LabError::io(failed()))?;
    let mut others = before;
    others.unset(core);
    sched_setaffinity(None, &others).map_err(LabError::io(failed()))?;
    Ok(KeptOff { before })
}

impl Drop for KeptOff {
    fn drop(&mut self) {
        // The cores were ours before; should they be gone, those that are left do as well.
        sched_setaffinity(None, &self.before).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_started_meanwhile_keep_off_and_later_ones_do_not() {
        let mine = || sched_getaffinity(None).unwrap();
        let before = mine();
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|core| before.is_set(*core))
            .collect();
        let [.., last] = cores[..] else { return };
        let kept = keep_off(last);
        if cores.len() == 1 {
            assert!(kept.is_err(), "no core is left");
            return;
        }
        assert!(!std::thread::spawn(mine).join().unwrap().is_set(last));
        drop(kept);
        assert_eq!(std::thread::spawn(mine).join().unwrap(), before);
    }
}
