//! Threads of small histories, one for each way in which links behave.

use super::*;
use crate::history::tests::history;

#[track_caller]
fn check(lines: &str, expected: &str) {
    let history = history(lines);
    let threads = Threads::new(&history.events);
    let places: Vec<_> = (0..history.events.len())
        .map(|event| {
            let (thread, position) = threads.place(event);
            assert_eq!(threads.threads[thread].events[position], event);
            format!("{} {position}", threads.path(thread)).trim().to_owned()
        })
        .collect();
    assert_eq!(places.join(", "), expected);
}

#[test]
fn one_line() {
    check(
        "1 0 ExecutionStarted
         2 0 WaitStateEntered A
         3 2 WaitStateExited A
         4 3 ExecutionSucceeded",
        "0, 1, 2, 3",
    );
}

#[test]
fn iterations_one_behind_another_and_nested() {
    check(
        "1 0 ExecutionStarted
         2 0 MapStateEntered M
         3 2 MapStateStarted 2
         4 3 MapIterationStarted M 0
         5 4 MapStateEntered N
         6 5 MapStateStarted 1
         7 6 MapIterationStarted N 0
         8 7 PassStateEntered A
         9 8 PassStateExited A
         10 9 MapIterationSucceeded N 0
         11 9 MapStateSucceeded
         12 9 MapStateExited N
         13 12 MapIterationSucceeded M 0
         14 12 MapIterationStarted M 1
         15 14 MapStateEntered N
         16 15 MapStateStarted 0
         17 16 MapStateSucceeded
         18 16 MapStateExited N
         19 18 MapIterationSucceeded M 1
         20 18 MapStateSucceeded
         21 18 MapStateExited M
         22 21 ExecutionSucceeded",
        "0, 1, 2, M[0] 0, M[0] 1, M[0] 2, M[0] / N[0] 0, M[0] / N[0] 1, M[0] / N[0] 2, \
         M[0] / N[0] 3, M[0] 3, M[0] 4, M[0] 5, M[1] 0, M[1] 1, M[1] 2, M[1] 3, M[1] 4, M[1] 5, \
         3, 4, 5",
    );
}

#[test]
fn a_retried_map_links_into_the_iteration_that_failed() {
    check(
        "1 0 ExecutionStarted
         2 0 MapStateEntered M
         3 2 MapStateStarted 1
         4 3 MapIterationStarted M 0
         5 4 FailStateEntered F
         6 5 MapIterationFailed M 0
         7 5 MapStateStarted 1
         8 7 MapIterationStarted M 0
         9 8 FailStateEntered F
         10 9 MapIterationFailed M 0
         11 9 MapStateFailed
         12 11 MapStateExited M
         13 12 ExecutionSucceeded",
        "0, 1, 2, M[0] 0, M[0] 1, M[0] 2, 3, M[0] 0, M[0] 1, M[0] 2, 4, 5, 6",
    );
}

#[test]
fn overlapping_branches() {
    check(
        "1 0 ExecutionStarted
         2 0 ParallelStateEntered P
         3 2 ParallelStateStarted
         4 3 TaskStateEntered A
         5 3 PassStateEntered B
         6 4 TaskScheduled
         7 5 PassStateExited B
         8 3 EvaluationFailed A
         9 7 WaitStateEntered C
         10 9 WaitStateAborted
         11 8 ParallelStateFailed
         12 11 ParallelStateExited P
         13 12 ExecutionSucceeded",
        "0, 1, 2, P.A 0, P.B 0, P.A 1, P.B 1, P.A 2, P.B 2, P.B 3, 3, 4, 5",
    );
}

#[test]
fn a_map_run_has_no_iterations() {
    check(
        "1 0 ExecutionStarted
         2 0 MapStateEntered M
         3 2 MapStateStarted 1
         4 3 MapIterationStarted M 0
         5 4 MapStateEntered D
         6 5 MapStateStarted 9
         7 6 MapRunStarted
         8 7 MapRunSucceeded
         9 7 MapStateSucceeded
         10 7 MapStateExited D
         11 10 MapIterationSucceeded M 0
         12 10 MapStateSucceeded
         13 10 MapStateExited M
         14 0 ExecutionTimedOut",
        "0, 1, 2, M[0] 0, M[0] 1, M[0] 2, M[0] 3, M[0] 4, M[0] 5, M[0] 6, M[0] 7, 3, 4, 5",
    );
}

#[test]
fn a_parallel_whose_ids_are_lost() {
    check(
        "1 0 ExecutionStarted
         2 0 ParallelStateEntered P
         3 2 ParallelStateStarted
         0 0 ParallelStateEntered Q
         5 4 ParallelStateStarted
         0 0 PassStateEntered A
         0 0 PassStateExited A
         11 9 ParallelStateExited P
         12 11 ExecutionSucceeded",
        "0, 1, 2, P.* 0, P.* 1, P.* 2, P.* 3, 3, 4",
    );
}

#[test]
fn events_are_found_by_id() {
    let history = history(
        "1 0 ExecutionStarted
         0 0 LambdaFunctionStarted
         3 1 LambdaFunctionStarted
         6 3 LambdaFunctionStarted",
    );
    let find = |id| find(&history.events, id);
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(find), {
        [None, Some(0), None, Some(2), None, None, Some(3), None]
    });
}
