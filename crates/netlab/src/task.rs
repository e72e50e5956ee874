//! Threads that end with the value that started them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A thread that is told to stop and waited for.
#[derive(Debug)]
pub(crate) struct Task<T> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Task<T> {
    /// `work` looks at the flag often and returns soon after it is set.
    pub(crate) fn start(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        Self {
            stop,
            thread: Some(std::thread::spawn(move || work(&seen))),
        }
    }

    /// Stops the thread and returns its result; a panic of it goes on here.
    pub(crate) fn stop(self) -> T {
        self.stop.store(true, Ordering::Relaxed);
        self.finish()
    }

    /// Waits for the thread's own end and returns its result; a panic of it goes on here.
    pub(crate) fn finish(mut self) -> T {
        let thread = self.thread.take().expect("taken only here and by drop");
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed; another one while unwinding would abort.
            drop(thread.join());
        }
    }
}
