//! What a live endpoint cannot have of a case.

use super::express;
use super::map_runs;
use super::settings::MockWay;
use crate::asl::ExecutionType;
use crate::limits::Limits;
use crate::scenario::Case;

/// Whether a Task of a case calls something.
pub(super) fn calls_services(case: &Case) -> bool {
    let nested = case.world.machines.iter().map(|machine| &machine.definition);
    let mut machines = std::iter::once(&case.definition).chain(nested);
    machines.any(|own| own.machine.as_ref().is_some_and(|own| express::has_task(&own.states)))
}

/// Why a case cannot be run on a live endpoint, where it cannot.
pub(super) fn obstacle(case: &Case, mocks: MockWay) -> Option<String> {
    let text = match () {
        () if case.limits != Limits::today() => "has limits of its own",
        () if case.duplicate_delivery.is_some() => "delivers a start twice",
        () if has_versions(case) => "publishes versions of its state machines",
        () if !case.world.objects.is_empty() || !case.world.missing_buckets.is_empty() => {
            "reads objects of the virtual S3"
        }
        () if case.world.machines.iter().any(|m| m.execution_type == ExecutionType::Express) => {
            "starts Express executions, whose answers show their own times and ids"
        }
        () if mocks != MockWay::Activity && !case.world.workers.is_empty() => {
            "has workers of an activity, which only the mock way `activity` has"
        }
        () => {
            let by_activities = mocks == MockWay::Activity;
            return express_obstacle(case, by_activities)
                .or_else(|| map_runs::obstacle(case, by_activities).map(str::to_owned));
        }
    };
    Some(text.to_owned())
}

/// Why an Express execution cannot be run or not be judged, where it is one.
fn express_obstacle(case: &Case, by_activities: bool) -> Option<String> {
    let machine = case.definition.machine.as_ref().filter(|_| express::is_express(case))?;
    if by_activities && express::has_task(&machine.states) {
        return Some("an Express execution has no activities, which would stand for Tasks".into());
    }
    if !case.world.actions.is_empty() {
        return Some("nothing can be done to an Express execution from outside".to_owned());
    }
    let unseen = express::unseen(&case.expect);
    (!unseen.is_empty()).then(|| {
        format!("of an Express execution only the end shows; expects {}", unseen.join(", "))
    })
}

fn has_versions(case: &Case) -> bool {
    let nested = case.world.machines.iter().map(|machine| &machine.versions);
    std::iter::once(&case.versions).chain(nested).any(|versions| !versions.published.is_empty())
}
