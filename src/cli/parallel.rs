//! Work on many files at once, its results in the order of the files.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// Deeply nested values are read and dropped recursively; this much stack is enough for the
/// deepest that the readers let through.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Does `work` on every item, `jobs` at a time (by default one for each core), and hands the
/// results to `take` in the order of the items, each as soon as all before it are done.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    jobs: Option<usize>,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R),
) {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = jobs.unwrap_or(cores).clamp(1, items.len().max(1));
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel::<(usize, R)>();
    thread::scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            let (next, work) = (&next, &work);
            let worker = move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(i) else { return };
                    if sender.send((i, work(item))).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, worker)
                .expect("the system can start a thread");
        }
        drop(sender);
        let mut early: Vec<Option<R>> = items.iter().map(|_| None).collect();
        let mut due = 0;
        for (i, result) in receiver {
            early[i] = Some(result);
            while let Some(result) = early.get_mut(due).and_then(Option::take) {
                take(result);
                due += 1;
            }
        }
    });
}

/// As [`in_order`], on items that come one by one and are held only while they are worked on:
/// memory does not grow with their number. `produce` hands them over; `work` sees their numbers,
/// from zero.
pub fn streamed<T: Send, R: Send>(
    produce: impl FnOnce(&mut dyn FnMut(T) -> ControlFlow<()>) + Send,
    jobs: Option<usize>,
    work: impl Fn(usize, T) -> R + Sync,
    mut take: impl FnMut(R),
) {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = jobs.unwrap_or(cores).max(1);
    let (items, queue) = mpsc::sync_channel::<(usize, T)>(2 * jobs);
    let queue = Mutex::new(queue);
    let (results, receiver) = mpsc::channel::<(usize, R)>();
    thread::scope(|scope| {
        let builder = || thread::Builder::new().stack_size(STACK_BYTES);
        let producer = move || {
            let mut number = 0;
            produce(&mut |item| {
                let sent = items.send((number, item));
                number += 1;
                if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        };
        builder().spawn_scoped(scope, producer).expect("the system can start a thread");
        for _ in 0..jobs {
            let results = results.clone();
            let (queue, work) = (&queue, &work);
            let worker = move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, item)) = next else { return };
                    if results.send((number, work(number, item))).is_err() {
                        return;
                    }
                }
            };
            builder().spawn_scoped(scope, worker).expect("the system can start a thread");
        }
        drop(results);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (number, result) in receiver {
            early.insert(number, result);
            while let Some(result) = early.remove(&due) {
                due += 1;
                take(result);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let mut seen = Vec::new();
        in_order(&items, Some(4), |i| i * 2, |double| seen.push(double));
        assert_eq!(seen, items.iter().map(|i| i * 2).collect::<Vec<_>>());
    }

    #[test]
    fn items_that_come_one_by_one_keep_their_order_too() {
        let mut seen = Vec::new();
        let produce = |emit: &mut dyn FnMut(usize) -> ControlFlow<()>| {
            let _ = (0..1_000).try_for_each(emit);
        };
        streamed(produce, Some(4), |number, item| (number, item * 2), |result| seen.push(result));
        assert_eq!(seen, (0..1_000).map(|i| (i, i * 2)).collect::<Vec<_>>());
    }
}
