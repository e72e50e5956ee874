//! Journals on disks that are full, cannot be written, or are gone.

use super::space::{Space, wait_for};
use crate::PROFILE;

#[test]
fn a_full_disk_or_one_that_can_only_be_read_keeps_nothing_from_being_put_back() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let profile = space.profile(PROFILE);
    let Some(disk) = space.small_disk() else {
        return;
    };
    let apply = ["full-setup", "--profile", &profile, "--apply"];
    let mut failures = 0;
    // From not enough for the first line of the journal to enough for all of it.
    for kib in (4..).step_by(4) {
        disk.remount(&format!("size={kib}k"));
        let done = space.tool(&apply);
        if done.code == 0 {
            break;
        }
        failures += 1;
        assert!(done.stderr.contains("free some space"), "{kib}: {done}");
        assert_eq!(space.state(), before, "{kib} KiB: {done}");
        assert!(!space.is_unfinished(), "{kib} KiB: {done}");
    }
    assert!(failures > 2, "the journal is larger than that");
    disk.remount("size=4m");
    assert_eq!(space.tool(&["confirm"]).code, 0);
    assert_ne!(space.state(), before);
    disk.remount("ro");
    let rollback = space.tool(&["rollback"]);
    assert!(rollback.stderr.contains("Read-only"), "{rollback}");
    assert_eq!(space.state(), before);
    disk.remount("rw");
    assert_eq!(space.tool(&["rollback"]).code, 0);
    assert_eq!(space.state(), before);
}

#[test]
fn a_journal_that_is_removed_does_not_stop_the_timer() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let args = ["optimize", "--apply", "--confirm-within", "2s"];
    assert_eq!(space.tool(&args).code, 0);
    assert_ne!(space.state(), before);
    space.remove_journal();
    wait_for("the timer", || {
        space.state() == before && !space.is_unfinished()
    });
}
