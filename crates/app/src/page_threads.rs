//! The threads on which our own pages on the shop's host are made: sign-in, account, provider, centre.
//!
//! A page of ours takes a core some tenth of a millisecond in one go. Made by the thread that serves the shop, as many as a flood asks
//! for would keep each of the shop's pages waiting for that long, whatever the other cores do. Here the machine's scheduler
//! decides, and it prefers whoever serves the shop: however many ask, they get the part of a core that is left, and a quarter of one
//! for certain.

use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::Done;
use crate::failure::Context;

/// Added to the threads' nice value: against a thread that serves, of nice 0, it leaves a quarter of a core (nice(2), sched(7)).
const NICENESS: i32 = 5;
/// What is under way at the stop has had its time with the requests it belongs to.
const GRACE: Duration = Duration::from_secs(1);

pub struct PageThreads(Option<Runtime>, Handle);

impl PageThreads {
    /// Half of the cores, at least one.
    pub fn start() -> Done<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads((cores / 2).max(1))
            .thread_name("pages")
            .on_thread_start(go_second)
            .enable_all();
        let runtime = builder.build().context("the threads of our own pages")?;
        let handle = runtime.handle().clone();
        Ok(PageThreads(Some(runtime), handle))
    }

    pub fn handle(&self) -> Handle {
        self.1.clone()
    }

    /// After the last request.
    pub fn end(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(GRACE);
        }
    }
}

/// A thread that serves wakes one of these with each request for a page of ours, and goes on itself. On Linux it is the thread's own priority; without leave to change it the work goes on as it is.
fn go_second() {
    let own = rustix::process::getpriority_process(None).unwrap_or(0);
    let nice = (own + NICENESS).min(19);
    let _ = rustix::process::setpriority_process(None, nice);
    storeward_host::wake_behind_others(nice);
}
